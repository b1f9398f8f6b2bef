"""Which folios count against the allowance, and why not (mission.md 7.1)."""
from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from config.terms import Counted
from config.values import Modality
from contracts.counting import (
    GONE,
    KINDS,
    NOT_METERED,
    OF_OTHERS,
    UNKNOWN,
    Decision,
    FolioFacts,
    Request,
    Said,
    correction,
    of_folio,
    of_other,
)

NONE: frozenset[Counted] = frozenset()
LOST = FolioFacts('new', abandoned=True)
NO, YES = Decision(False, 'prueba interna', 'sara', date(2026, 11, 24)), Decision(True, 'sí se pidió', 'sara', date(2026, 11, 24))


@pytest.mark.parametrize(('facts', 'kind', 'counts', 'reason'), [
    (FolioFacts('new'), None, True, 'solicitud confirmada'),
    (FolioFacts('closed_verified', responded=True, held=True), None, True, 'solicitud confirmada'),
    (FolioFacts('cancelled', 'user'), None, True, 'solicitud confirmada; se canceló después'),
    (FolioFacts('cancelled'), None, True, 'solicitud confirmada; se canceló después'),          # of before classes were told
    (FolioFacts('cancelled', 'spam'), Counted.SPAM, False, 'cancelado: no era una solicitud'),
    (FolioFacts('cancelled', 'our_error', responded=True), Counted.OUR_ERROR, False, 'cancelado por error nuestro'),
    (FolioFacts('cancelled', None, '22857141'), Counted.DUPLICATE, False, 'duplicado del folio 22857141'),
    (LOST, Counted.ABANDONED, False, 'abandonada antes de un agente y sin seguimiento'),
    (FolioFacts('cancelled', 'user', abandoned=True), Counted.ABANDONED, False, 'abandonada antes de un agente y sin seguimiento'),
    (FolioFacts('cancelled', 'user', abandoned=True, held=True), Counted.ABANDONED, False,
     'abandonada antes de un agente y sin seguimiento'),
    (FolioFacts('assigned', abandoned=True, held=True), None, True,
     'solicitud confirmada; se le dio seguimiento después de la llamada abandonada'),
    (FolioFacts('new', abandoned=True, came_back=True), None, True,
     'solicitud confirmada; se le dio seguimiento después de la llamada abandonada'),
    (FolioFacts('cancelled', 'user', abandoned=True, responded=True), None, True, 'solicitud confirmada; se canceló después'),
    (FolioFacts('cancelled', 'spam', abandoned=True, responded=True), Counted.SPAM, False, 'cancelado: no era una solicitud'),
    (FolioFacts('cancelled', None, '22857141', abandoned=True), Counted.DUPLICATE, False, 'duplicado del folio 22857141'),
])
def test_folios(facts: FolioFacts, kind: Counted | None, counts: bool, reason: str) -> None:
    verdict = of_folio(facts, NONE)
    assert (verdict.kind, verdict.counts, verdict.reason) == (kind, counts, reason)


@pytest.mark.parametrize(('facts', 'kind'), [
    (LOST, Counted.ABANDONED), (FolioFacts('cancelled', 'spam'), Counted.SPAM), (FolioFacts('cancelled', 'our_error'), Counted.OUR_ERROR),
    (FolioFacts('cancelled', duplicate_of='22857141'), Counted.DUPLICATE)])
def test_each_exception_is_a_parameter(facts: FolioFacts, kind: Counted) -> None:
    verdict = of_folio(facts, {kind})
    assert verdict.counts and verdict.kind is kind and verdict.reason.endswith('; por contrato cuenta')
    assert not of_folio(facts, frozenset(Counted) - {kind}).counts


@pytest.mark.parametrize('kind', OF_OTHERS)
def test_what_is_no_folio_counts_only_by_contract(kind: Counted) -> None:
    assert not of_other(kind, NONE).counts and of_other(kind, {kind}).counts
    assert not of_other(kind, {kind}, metered=False).counts


def test_every_kind_has_a_name() -> None:
    assert set(KINDS) == set(Counted)


def test_a_person_s_decision_goes_before_every_rule_and_says_whose_it_is() -> None:
    verdict = of_folio(FolioFacts('new', decision=NO), frozenset(Counted))
    assert (verdict.counts, verdict.reason) == (False, 'decisión de sara del 24/11/2026: prueba interna')
    found = of_folio(FolioFacts('cancelled', 'spam', decision=YES), NONE, metered=False)
    assert found.counts and found.kind is Counted.SPAM


def test_on_a_day_without_an_allowance_nothing_is_weighed() -> None:
    assert of_folio(FolioFacts('new'), NONE, metered=False).reason == NOT_METERED
    assert 'duplicado' in of_folio(FolioFacts('cancelled', duplicate_of='1'), NONE, metered=False).reason


def request(reference: str, counts: bool, reason: str = 'solicitud confirmada') -> Request:
    number = reference.removeprefix('folio:')
    return Request(datetime(2026, 10, 5, tzinfo=UTC), None, number, reference, 'acme', Modality.STANDARD, counts, reason)


def test_a_correction_lists_what_changed_with_both_reasons() -> None:
    issued = {'folio:1': Said(True, 'solicitud confirmada'), 'folio:2': Said(True, 'solicitud confirmada'),
              'folio:3': Said(False, 'abandonada'), 'folio:4': Said(True, 'solicitud confirmada'), 'status:9': Said(True, 'consulta')}
    now = [request('folio:1', True), request('folio:2', False, 'duplicado del folio 1'), request('folio:3', True, 'seguimiento'),
           request('folio:4', True, 'otras palabras'), request('folio:5', True), request('folio:6', False, 'duplicado')]
    found = correction(issued, now)
    assert [(one.reference, one.counted, one.why_then, one.counts, one.why_now) for one in found] == [
        ('folio:2', True, 'solicitud confirmada', False, 'duplicado del folio 1'), ('folio:3', False, 'abandonada', True, 'seguimiento'),
        ('folio:5', False, UNKNOWN, True, 'solicitud confirmada'), ('status:9', True, 'consulta', False, GONE)]
    assert [one.folio for one in found] == ['2', '3', '5', None]
    assert correction({one.reference: Said(one.counts, one.reason) for one in now}, now) == ()
