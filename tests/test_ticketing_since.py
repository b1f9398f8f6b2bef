"""Two people in one folio: who is late is told so before anything is stored, and sees what the other did."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from storage.engine import Database
from tests.lives import MINUTE, NOW, PREMIUM, Desk
from ticketing.since import changes_since
from ticketing.values import EntryKind, Folio, FolioChanged, UnknownFolio

# What a page may ask of a life cycle, each as somebody who saw version `expected`.
ACTS: Mapping[str, Callable[[Desk, str, int], Folio]] = {
    'assign': lambda desk, n, v: desk.life.assign(n, agent='luis', by='luis', now=NOW, expected=v),
    'acknowledge': lambda desk, n, v: desk.life.acknowledge(n, by='luis', now=NOW, expected=v),
    'start': lambda desk, n, v: desk.life.start(n, by='luis', now=NOW, expected=v),
    'wait': lambda desk, n, v: desk.life.wait(n, waiting_for='user', reason='x', by='luis', now=NOW, expected=v),
    'resume': lambda desk, n, v: desk.life.resume(n, by='luis', now=NOW, expected=v),
    'update': lambda desk, n, v: desk.life.update(n, text='x', by='luis', now=NOW, expected=v),
    'resolve': lambda desk, n, v: desk.life.resolve(n, solution='x', by='luis', now=NOW, expected=v),
    'confirm': lambda desk, n, v: desk.life.confirm(n, by='luis', via='person', now=NOW, expected=v),
    'reopen': lambda desk, n, v: desk.life.reopen(n, reason='x', by='luis', now=NOW, expected=v),
    'cancel': lambda desk, n, v: desk.life.cancel(n, reason='x', by='luis', now=NOW, expected=v),
    'merge': lambda desk, n, v: desk.life.merge(n, desk.open(), by='luis', now=NOW, expected=v),
    'prioritise': lambda desk, n, v: desk.life.prioritise(n, impact='high', urgency='high', reason='x', by='luis', now=NOW, expected=v),
    'complain': lambda desk, n, v: desk.life.complain(n, text='x', by='luis', now=NOW, expected=v),
    'describe': lambda desk, n, v: desk.life.describe(n, summary='x', by='luis', now=NOW, expected=v),
    'categorise': lambda desk, n, v: desk.life.categorise(n, category='mail', by='luis', now=NOW, expected=v),
    'visit': lambda desk, n, v: desk.life.visit(n, reason='x', by='luis', now=NOW, expected=v),
    'note': lambda desk, n, v: desk.life.note(n, text='x', by='luis', now=NOW, expected=v),
}
PREPARED: Mapping[str, Callable[[Desk, str], Any]] = {
    'acknowledge': lambda desk, n: desk.life.assign(n, group='redes', by='ana', now=NOW),
    'wait': lambda desk, n: desk.life.start(n, by='ana', now=NOW),
    'resume': lambda desk, n: [desk.life.start(n, by='ana', now=NOW),
                               desk.life.wait(n, waiting_for='user', reason='y', by='ana', now=NOW)],
    'confirm': lambda desk, n: desk.life.resolve(n, solution='y', by='ana', now=NOW),
    'reopen': lambda desk, n: desk.life.resolve(n, solution='y', by='ana', now=NOW),
}


@pytest.mark.parametrize('act', ACTS)
def test_who_saw_an_older_version_changes_nothing_and_who_saw_this_one_does(db: Database, act: str) -> None:
    desk = Desk(db)
    number = desk.open(line=PREMIUM, modality='premium')
    PREPARED.get(act, lambda desk, n: desk.life.prioritise(n, impact='low', urgency='low', reason='y', by='ana', now=NOW))(desk, number)
    before, timeline = desk.get(number), desk.book.timeline(number)
    with pytest.raises(FolioChanged, match='you saw 0'):
        ACTS[act](desk, number, 0)
    assert desk.get(number) == before and desk.book.timeline(number) == timeline
    ACTS[act](desk, number, before.version)
    assert len(desk.book.timeline(number)) > len(timeline)


def test_the_late_one_sees_what_the_other_did(db: Database) -> None:
    desk = Desk(db)
    number = desk.open()
    desk.life.note(number, text='antes', by='ana', now=NOW)
    seen = desk.life.start(number, by='ana', now=NOW).version
    desk.life.describe(number, summary='Otra cosa', description='Con detalle', by='beto', now=NOW + MINUTE)
    desk.life.note(number, text='ojo', by='beto', now=NOW + MINUTE)
    desk.life.wait(number, waiting_for='supplier', reason='refacción', by='beto', now=NOW + MINUTE)
    since = changes_since(db, number, seen)
    assert since.folio == desk.get(number) and since.folio.version == seen + 2
    assert [(entry.kind, entry.by) for entry in since.entries] == [('note', 'beto'), ('note', 'beto'), ('move', 'beto')]
    assert set(since.fields) == {'summary', 'description', 'state', 'waiting_for'}
    assert changes_since(db, number, since.folio.version).fields == ()
    assert [entry.text for entry in changes_since(db, number, seen + 1).entries] == ['ojo', 'en espera del proveedor: refacción']
    with pytest.raises(UnknownFolio):
        changes_since(db, '00000000', 0)


def test_a_change_with_several_entries_is_told_whole_or_not_at_all(db: Database) -> None:
    desk = Desk(db)
    number = desk.open()
    resolved = desk.life.resolve(number, solution='listo', diagnosis='cable', by='ana', now=NOW)
    desk.life.confirm(number, by='user', via='call', score=5, now=NOW + MINUTE)
    since = changes_since(db, number, resolved.version)
    assert [entry.kind for entry in since.entries] == ['move', 'survey'] and {'state', 'score', 'closed_at'} <= set(since.fields)
    assert changes_since(db, number, since.folio.version).entries == ()
    whole = changes_since(db, number, 0)
    assert [entry.kind for entry in whole.entries] == ['move', 'move', 'survey'] and {'solution', 'diagnosis'} <= set(whole.fields)


def test_entries_that_belong_to_no_change_are_never_left_out(db: Database) -> None:
    desk = Desk(db)
    number = desk.open()
    seen = desk.life.start(number, by='ana', now=NOW).version
    desk.book.note(number, EntryKind.EMAIL_IN, 'respondió', 'user', NOW)
    assert [entry.kind for entry in changes_since(db, number, seen).entries] == ['email_in']
    fresh = desk.open()
    assert changes_since(db, fresh, 0).entries == ()
    desk.life.note(fresh, text='hola', by='ana', now=NOW)
    assert [entry.text for entry in changes_since(db, fresh, 0).entries] == ['hola']


def test_a_diagnosis_may_be_written_before_the_solution(db: Database) -> None:
    desk = Desk(db)
    number = desk.open()
    assert desk.life.describe(number, diagnosis='Rodillo gastado', by='ana', now=NOW).diagnosis == 'Rodillo gastado'
    assert desk.last(number) == ('note', 'corregido: diagnóstico «Rodillo gastado»', 'ana')
