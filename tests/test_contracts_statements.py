"""Statements issued month after month: what is charged when, and once; what was issued stays; corrections are seen (mission.md 7.2)."""
from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from ami_listener.tables import calls
from config.terms import Counted, OverageRule, Prices, Terms
from config.values import Modality, Site
from contracts import statement_facts
from contracts import statements as module
from contracts.ledger_tables import outbound_ledger
from contracts.meter import month_uses
from contracts.months import Month, midnight
from contracts.move_tables import site_move_costs, site_moves
from contracts.overage import charges as ideal_charges
from contracts.renderings.json_ import from_json, to_json
from contracts.statement_tables import statement_excesses, statement_items, statement_requests, statements
from contracts.statements import CannotIssue, Damaged, Issued, NoSuchMonth, Statements
from contracts.statistics import statistics
from contracts.statistics_values import Statistics
from storage.engine import Database
from tests.lives import DAY, HOUR, MEXICO, STANDARD
from tests.statement_books import AGREED, IVA, JANUARY, Books, a_site, after, charges, put_folios, tables
from ticketing.tables import count_decisions, folios, visits

FEBRUARY, MARCH, APRIL, MAY, JUNE, JULY = (JANUARY.plus(n) for n in range(1, 7))
PRICE = Decimal('95.00')
KEPT = (statements, statement_requests, statement_excesses, statement_items)


@pytest.fixture(autouse=True)
def days_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """The telephone's figures of each day, thirty readings a month, say nothing of what is charged: read once here."""
    def of_days(connection: Connection, of: Site, days: Sequence[Any], client: str,
                now: datetime) -> tuple[Statistics, tuple[Statistics, ...]]:
        whole = statistics(connection, of, days[0].since, days[-1].until, client, now=now)
        return whole, (whole,) * len(days)
    monkeypatch.setattr(statement_facts, 'with_parts', of_days)


def live(db: Database, site: Site, counts: Sequence[int], first: Month = JANUARY) -> Books:
    """Months with so many requests each, all issued, one after the other."""
    books = Books(db, site)
    for number, many in enumerate(counts):
        put_folios(db, first.plus(number), many)
        books.issue(first.plus(number))
    return books


def amounts(books: Books, first: Month, months: int) -> list[int]:
    """What each month's statement charges for excesses, in whole pesos."""
    issued = (books.issued(first.plus(number)) for number in range(months))
    return [int(sum((amount for _, _, amount in charges(one, 'overage', 'correction')), Decimal(0))) for one in issued]


# --- overage, month after month ------------------------------------------------------------------------------------------

@pytest.mark.parametrize(('counts', 'expected'), [
    ([106, 106, 106], [0, 0, 18 * 95]),
    ([106, 106, 106, 106], [0, 0, 18 * 95, 6 * 95]),
    ([106, 106, 105, 106, 106, 106], [0, 0, 0, 0, 0, 18 * 95]),
    ([106, 106, 104], [0, 0, 0]),
    ([105, 105, 105, 105], [0, 0, 0, 0]),
    ([106, 200, 107, 100, 106], [0, 0, 113 * 95, 0, 0]),
    ([0, 0, 0], [0, 0, 0])])
def test_what_is_charged_on_which_statement(db: Database, counts: list[int], expected: list[int]) -> None:
    books = live(db, a_site(), counts)
    assert amounts(books, JANUARY, len(counts)) == expected
    months = [month for _, month, _, _ in books.charged()]
    assert len(months) == len(set(months))             # none twice
    last = books.issued(JANUARY.plus(len(counts) - 1))
    assert last.subtotal == expected[-1] and last.total == last.subtotal + last.iva
    assert tables(last)['usage'].rows[0][1:3] == (100, counts[-1])


def test_the_lines_say_which_months_they_are_for(db: Database) -> None:
    books = live(db, a_site(), [106, 107, 108, 106])
    third, fourth = books.issued(MARCH), books.issued(APRIL)
    assert [(one.key, one.concept, one.units, one.price, one.amount, one.month) for one in third.charges] == [
        ('overage', 'Excedentes de HELP DESK 911', 6, PRICE, Decimal('570.00'), '2026-01'),
        ('overage', 'Excedentes de HELP DESK 911', 7, PRICE, Decimal('665.00'), '2026-02'),
        ('overage', 'Excedentes de HELP DESK 911', 8, PRICE, Decimal('760.00'), '')]
    assert [one.month for one in fourth.charges] == ['']
    assert [row[1:6] for row in tables(third)['quota'].rows] == [
        ('enero de 2026', 100, 106, 'sí', 6), ('febrero de 2026', 100, 107, 'sí', 7), ('marzo de 2026', 100, 108, 'sí', 8)]
    assert third.words == 'Son: dos mil trescientos catorce pesos 20/100 M.N.'


@pytest.mark.parametrize(('rule', 'expected'), [
    (OverageRule(above_percent=105), [0, 0, 6 * 95, 2 * 95]), (OverageRule(whole_run=False), [0, 0, 7 * 95, 7 * 95])])
def test_the_parameters_of_the_contract(db: Database, rule: OverageRule, expected: list[int]) -> None:
    """Beyond 105 % of 100, or only from the third month of a run on."""
    books = live(db, a_site(replace(AGREED, overage=rule)), [107, 107, 107, 107])
    assert amounts(books, JANUARY, 4) == expected


def test_with_an_allowance_of_nothing_any_request_is_above(db: Database) -> None:
    assert amounts(live(db, a_site(replace(AGREED, allowance=0)), [1, 1, 1, 0, 1]), JANUARY, 5) == [0, 0, 3 * 95, 0, 0]


def test_without_an_allowance_nothing_is_above(db: Database) -> None:
    books = live(db, a_site(replace(AGREED, allowance=None)), [500, 500, 500])
    assert amounts(books, JANUARY, 3) == [0, 0, 0]
    assert tables(books.issued(MARCH))['usage'].rows[0][1:] == (None, 500, None, 0)


@pytest.mark.parametrize(('first', 'expected'), [(53, [0, 0, (3 + 6 + 6) * 95, 6 * 95]), (52, [0, 0, 0, 18 * 95])])
def test_a_contract_that_begins_in_mid_month_has_its_days(db: Database, first: int, expected: list[int]) -> None:
    """Half of June: 50 requests, so 53 are above and 52 are not; what came before the contract is not counted at all."""
    june = Month(2026, 6)
    put_folios(db, date(2026, 6, 15), 40)
    books = live(db, a_site(since=date(2026, 6, 16)), [first, 106, 106, 106], june)
    assert amounts(books, june, 4) == expected
    begun = books.issued(june)
    assert (begun.first_day, begun.last_day) == (date(2026, 6, 16), date(2026, 6, 30))
    assert tables(begun)['usage'].rows[0][1:3] == (50, first)
    with pytest.raises(NoSuchMonth, match='lies outside the contract'):
        books.draft(Month(2026, 5))


@pytest.mark.parametrize(('rule', 'expected'), [
    (OverageRule(), [0, 0, (6 + 8 + 11) * 100]), (OverageRule(tariff_of='each'), [0, 0, 6 * 95 + (8 + 11) * 100])])
def test_a_run_across_a_change_of_terms(db: Database, rule: OverageRule, expected: list[int]) -> None:
    """From February 16 on 200 requests at 100.00: February has (15 x 100 + 13 x 200) / 28 = 146.4; 154 are above."""
    old = replace(AGREED, overage=rule)
    new = replace(old, since=date(2026, 2, 16), allowance=200, overage_price=Decimal('100.00'))
    assert amounts(live(db, a_site(old, new), [106, 154, 211]), JANUARY, 3) == expected


def test_modalities_are_weighed_apart(db: Database) -> None:
    books = Books(db, a_site(AGREED, Terms(Modality.PREMIUM, date(2026, 1, 1), allowance=10, overage_price=Decimal('180.00'))))
    for month in (JANUARY, FEBRUARY, MARCH):
        put_folios(db, month, 100)
        put_folios(db, month, 11, modality='premium')
        books.issue(month)
    assert [(one.concept, one.month, one.amount) for one in books.issued(MARCH).charges] == [
        ('Excedentes de Premium', month, Decimal('180.00')) for month in ('2026-01', '2026-02', '')]


# --- corrections ---------------------------------------------------------------------------------------------------------

def body_of(db: Database) -> dict[str, tuple[str, str]]:
    with db.read() as connection:
        return {row.month: (row.sha256, row.body) for row in connection.execute(select(statements))}


def assert_ideal(books: Books, first: Month, last: Month) -> None:
    """All that was charged is what would have been charged with what is known now."""
    with books.db.read() as connection:
        uses = month_uses(connection, books.site, 'acme', Modality.STANDARD, first, last)
    right = {(one.month, one.amount) for one in ideal_charges(uses, AGREED.overage) if one.amount}
    charged: dict[Month, Decimal] = {}
    for _, month, _, amount in books.charged():
        charged[Month.parse(month)] = charged.get(Month.parse(month), Decimal(0)) + amount
    assert {(month, amount) for month, amount in charged.items() if amount} == right


def test_a_recount_before_the_first_statement_gives_back_nothing_that_stays_right(db: Database) -> None:
    """A month that the series does not begin with is found to be above: its run of three begins one month earlier, and is a run still."""
    books = Books(db, a_site())
    for month, many in ((JANUARY, 105), (FEBRUARY, 106), (MARCH, 106), (APRIL, 106)):
        put_folios(db, month, many)
    books.issue(APRIL)
    assert charges(books.issued(APRIL)) == [('overage', 6, Decimal('570.00'))] * 3
    put_folios(db, JANUARY, 1)
    books.issue(MAY)
    assert books.issued(MAY).charges == ()             # January itself is settled elsewhere
    doubled = put_folios(db, FEBRUARY, 2)
    books.issue(JUNE)
    assert charges(books.issued(JUNE)) == [('correction', 2, Decimal('190.00'))]
    for number in doubled:
        decide(books, number, after(JUNE))
    with db.read() as connection:
        of_march = connection.scalars(select(folios.c.number).where(
            folios.c.opened_at >= MARCH.span(MEXICO)[0], folios.c.opened_at < MARCH.span(MEXICO)[1]).limit(1)).one()
    decide(books, of_march, after(JUNE))               # 105: no run any more, so all is given back
    books.issue(JULY)
    assert [units for _, units, _ in charges(books.issued(JULY))] == [-8, -6, -6]
    assert sum(amount for *_, amount in books.charged()) == 0


def merge(books: Books, double: str, now: datetime) -> None:
    with books.db.read() as connection:
        kept = connection.scalar(select(folios.c.number).where(folios.c.number != double).order_by(folios.c.id).limit(1))
    assert kept is not None
    with books.db.write() as connection:
        connection.execute(update(folios).where(folios.c.number == double).values(state='cancelled', duplicate_of=kept))


def cancel(books: Books, number: str, now: datetime) -> None:
    with books.db.write() as connection:
        connection.execute(update(folios).where(folios.c.number == number).values(state='cancelled', cancel_cause='spam'))


def decide(books: Books, number: str, now: datetime) -> None:
    books.desk.life.decide_count(number, counts=False, reason='de cortesía', by='sara', now=now)


@pytest.mark.parametrize(('change', 'why'), [
    (merge, 'duplicado del folio'), (cancel, 'cancelado: no era una solicitud'), (decide, 'decisión de sara del 02/04/2026: de cortesía')])
def test_a_late_change_is_a_visible_correction(db: Database, change: Callable[[Books, str, datetime], None], why: str) -> None:
    books = Books(db, a_site())
    of_january = put_folios(db, JANUARY, 106)
    put_folios(db, FEBRUARY, 106)
    put_folios(db, MARCH, 106)
    books.issue_all(JANUARY, MARCH)
    before = body_of(db)
    assert sum(amounts(books, JANUARY, 3)) == 18 * 95
    put_folios(db, APRIL, 106)
    change(books, of_january[7], after(MARCH) + DAY)
    books.issue(APRIL)
    fourth = books.issued(APRIL)
    assert [(one.key, one.units, one.amount, one.month) for one in fourth.charges] == [
        ('correction', -6, Decimal('-570.00'), '2026-01'), ('overage', 6, Decimal('570.00'), '')]
    row, = tables(fourth)['corrections'].rows
    assert row[:3] == ('enero de 2026', of_january[7], 'cuenta') and row[4] == 'no cuenta' and str(row[5]).startswith(why)
    assert {month: body for month, body in body_of(db).items() if month != '2026-04'} == before
    assert_ideal(books, JANUARY, APRIL)
    put_folios(db, MAY, 100)
    books.issue(MAY)                                   # said once
    assert 'corrections' not in tables(books.issued(MAY)) and books.issued(MAY).charges == ()


def test_a_correction_that_is_taken_back_is_told_again(db: Database) -> None:
    books = Books(db, a_site())
    number = put_folios(db, JANUARY, 106)[0]
    put_folios(db, FEBRUARY, 106)
    put_folios(db, MARCH, 106)
    books.issue_all(JANUARY, MARCH)
    decide(books, number, after(MARCH) + DAY)
    books.issue(APRIL)
    fourth = books.issued(APRIL)
    # Without January there is no run: all of it is given back.
    assert charges(fourth) == [('correction', -6, Decimal('-570.00'))] * 3 and fourth.total == Decimal('-1983.60')
    assert fourth.words == 'Son: menos un mil novecientos ochenta y tres pesos 60/100 M.N.'
    books.desk.life.decide_count(number, counts=True, reason='sí cuenta', by='sara', now=after(APRIL) + DAY)
    books.issue(MAY)
    fifth = books.issued(MAY)
    assert charges(fifth) == [('correction', 6, Decimal('570.00'))] * 3
    row, = tables(fifth)['corrections'].rows
    assert (row[2], row[4]) == ('no cuenta', 'cuenta') and 'de cortesía' in str(row[3]) and 'sí cuenta' in str(row[5])
    assert_ideal(books, JANUARY, MAY)


def test_a_price_that_was_wrong_is_given_back_and_charged_anew(db: Database) -> None:
    books = live(db, a_site(), [106, 106, 106])
    books.site = a_site(replace(AGREED, overage_price=Decimal('90.00')))
    books.issue(APRIL)
    assert [(one.key, one.units, one.price) for one in books.issued(APRIL).charges] == [
        ('correction', sign * 6, Decimal(price)) for _ in range(3) for sign, price in ((-1, '95.00'), (1, '90.00'))]
    assert books.issued(APRIL).subtotal == -18 * 5


def test_what_is_found_later_of_a_month_without_any_request_is_told(db: Database) -> None:
    books = live(db, a_site(), [0])
    number, = put_folios(db, JANUARY, 1)
    books.issue(FEBRUARY)
    row, = tables(books.issued(FEBRUARY))['corrections'].rows
    assert row[:6] == ('enero de 2026', number, 'no cuenta', 'no estaba en los registros', 'cuenta', 'solicitud confirmada')
    books.issue(MARCH)
    assert 'corrections' not in tables(books.issued(MARCH))


def test_other_clients_and_ended_contracts_do_not_matter(db: Database) -> None:
    books = live(db, a_site(until=date(2026, 2, 10)), [2, 2])
    put_folios(db, FEBRUARY, 500, client='globex')
    assert tables(books.issued(FEBRUARY))['usage'].rows[0][1] == 36      # 10 of 28 days
    with pytest.raises(NoSuchMonth, match='2026-03 lies outside the contract of acme, which runs from ever to 2026-02-10'):
        books.issue(MARCH)


# --- what was issued stays -----------------------------------------------------------------------------------------------

def charge_everything(db: Database) -> Books:
    """Three months above, a visit: a row in every table that is kept."""
    books = Books(db, a_site(replace(AGREED, visit_price=Decimal('1450.00'))))
    number = put_folios(db, MARCH, 106)[0]
    put_folios(db, JANUARY, 106)
    put_folios(db, FEBRUARY, 106)
    put_visit(db, number, after(MARCH) - DAY)
    books.issue_all(JANUARY, MARCH)
    return books


def put_visit(db: Database, number: str, at: datetime) -> None:
    with db.write() as connection:
        id_ = connection.scalar(select(folios.c.id).where(folios.c.number == number))
        connection.execute(insert(visits).values(folio_id=id_, at=at, by='ana', reason='no arranca'))


@pytest.mark.parametrize('table', [table.name for table in KEPT])
def test_no_row_is_changed_or_taken_away(db: Database, table: str) -> None:
    charge_everything(db)
    of = next(one for one in KEPT if one.name == table)
    column = next(iter(of.primary_key)).name
    with db.read() as connection:
        before = connection.execute(select(of)).all()
    assert before
    for deed in (update(of).values({column: of.c[column]}), delete(of)):
        with pytest.raises(DBAPIError, match='what was issued is never changed'), db.write() as connection:
            connection.execute(deed)
    if db.dialect == 'postgresql':
        with pytest.raises(DBAPIError, match='what was issued is never changed'), db.write() as connection:
            connection.execute(text(f'TRUNCATE {table} CASCADE'))
    with db.read() as connection:
        assert connection.execute(select(of)).all() == before


def test_what_was_issued_is_read_as_it_was_whatever_happens_since(db: Database) -> None:
    books = charge_everything(db)
    before, was = body_of(db), books.issued(MARCH)
    with db.write() as connection:
        connection.execute(update(folios).values(state='cancelled', cancel_cause='spam'))
    books.site = a_site(replace(AGREED, allowance=1), prices=replace(IVA, taxes=()))
    assert body_of(db) == before
    for month, (digest, body) in before.items():
        assert hashlib.sha256(body.encode()).hexdigest() == digest
        assert to_json(from_json(body.encode())) == body.encode()
        assert books.statements.of('acme', Month.parse(month), after(MAY)).issued_by == 'raul'
    assert books.statements.of('acme', MARCH, after(MAY)) == was and was.issued_at == after(MARCH)
    listed = books.statements.list()
    assert [(one.month, one.sha256) for one in listed] == [(month, before[str(month)][0]) for month in (MARCH, FEBRUARY, JANUARY)]
    assert listed == books.statements.list('acme') and books.statements.list('globex') == ()


def tamper(db: Database) -> None:
    """As somebody who may do everything to the database."""
    with db.write() as connection:
        if db.dialect == 'sqlite':
            connection.execute(text('DROP TRIGGER statements_update'))
        else:
            connection.execute(text('SET LOCAL session_replication_role = replica'))
        connection.execute(update(statements).where(statements.c.month == '2026-03').values(
            body=func.replace(statements.c.body, '106', '107')))


def test_a_body_that_was_tampered_with_is_damaged(db: Database) -> None:
    books = charge_everything(db)
    tamper(db)
    for read in (books.issued, lambda month: books.statements.of('acme', month, after(MAY))):
        with pytest.raises(Damaged, match='acme 2026-03 in the database is not the one that was issued on 2026-04-01'):
            read(MARCH)
    assert books.issued(JANUARY).month == '2026-01'


# --- when it cannot be issued --------------------------------------------------------------------------------------------

def test_once_in_order_and_when_the_month_is_over(db: Database) -> None:
    books = live(db, a_site(), [1])
    with pytest.raises(CannotIssue, match='acme 2026-01 is issued already: what has changed since stands on the next one'):
        books.issue(JANUARY)
    with pytest.raises(CannotIssue, match='the last statement that was issued for acme is 2026-01: the next one is 2026-02'):
        books.issue(MARCH)
    with pytest.raises(CannotIssue, match='the next one is 2026-02'):
        books.issue(Month(2025, 12))
    end = midnight(date(2026, 3, 1), MEXICO)
    with pytest.raises(CannotIssue, match='2026-02 is not over yet: issue it from 2026-03-01 on'):
        books.issue(FEBRUARY, end - timedelta(seconds=1))
    with pytest.raises(NoSuchMonth, match='2026-03 has not begun'):
        books.draft(MARCH, end - timedelta(seconds=1))
    with pytest.raises(NoSuchMonth, match="there is no client 'nobody': one of acme, globex"):
        books.statements.draft('nobody', MARCH, end)
    assert books.issue(FEBRUARY, end).month == FEBRUARY


def put_call(db: Database, ended: datetime | None, started: datetime, line: str = STANDARD) -> None:
    with db.write() as connection:
        connection.execute(insert(calls).values(linkedid='c1', direction='in', started=started, ended=ended, recorded=False, line=line))


def test_a_call_that_is_still_open_is_waited_for(db: Database) -> None:
    books = Books(db, a_site())
    end = midnight(date(2026, 2, 1), MEXICO)
    put_call(db, None, end - HOUR)
    with pytest.raises(CannotIssue, match='call c1 of 2026-01 is still going on, or its end is not in the call log yet: try again later'):
        books.issue(JANUARY)
    with db.write() as connection:
        connection.execute(update(calls).values(ended=end + HOUR))
    assert books.issue(JANUARY)


@pytest.mark.parametrize('facts', [
    {'line': '+528005550201'}, {'started': midnight(date(2026, 2, 1), MEXICO)}, {'started': midnight(date(2026, 1, 30), MEXICO)}])
def test_calls_of_others_of_the_next_month_or_without_an_end_for_long_do_not_keep_it(db: Database, facts: dict[str, Any]) -> None:
    put_call(db, None, **({'started': midnight(date(2026, 2, 1), MEXICO) - HOUR} | facts))
    assert Books(db, a_site()).issue(JANUARY)


def test_a_call_without_a_price_is_priced_first(db: Database) -> None:
    books = Books(db, a_site())
    books.put_line('free', after(JANUARY) - 2 * DAY, None, 0)             # nobody answered: nothing to price
    books.put_line('mesa-1', after(JANUARY) - DAY, None)
    with pytest.raises(CannotIssue, match=r'1 calls to acme have no price, the first is mesa-1: see `mesa ledger acme --month 2026-01 '
                                          '--unpriced`, and complete tariffs.toml'):
        books.issue(JANUARY)
    assert books.draft(JANUARY).charges[-1].amount == 0    # a draft is shown all the same
    with db.write() as connection:
        connection.execute(update(outbound_ledger).where(outbound_ledger.c.linkedid == 'mesa-1').values(amount=Decimal('2.00'), problem=''))
    books.issue(JANUARY)
    assert charges(books.issued(JANUARY)) == [('outbound', 1, Decimal('2.00'))]


def test_without_iva_nothing_is_issued_but_where_nothing_is_agreed(db: Database) -> None:
    books = Books(db, a_site(prices=Prices()))
    with pytest.raises(CannotIssue, match=r"no IVA is known for 2026-01 in the region 'general': add a \[\[tax\]\] to tariffs.toml"):
        books.issue(JANUARY)
    assert books.draft(JANUARY).iva_percent == 0
    books.site = replace(books.site, clients={'acme': replace(books.site.clients['acme'], contract=replace(
        books.site.clients['acme'].contract, terms=()))})
    assert books.issue(JANUARY).total == 0


# --- two at once, and a death in between ---------------------------------------------------------------------------------

def test_of_two_who_issue_at_once_one_wins(db: Database, db_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    site = a_site()
    put_folios(db, JANUARY, 106)
    both_read, seen = threading.Barrier(2, timeout=20), module._is_complete

    def meet(facts: Any) -> None:
        seen(facts)
        both_read.wait()
    monkeypatch.setattr(module, '_is_complete', meet)
    found: dict[str, Issued | Exception] = {}

    def issue(by: str) -> None:
        own = Database(db_url, patience_s=20.0)
        try:
            found[by] = Statements(own, lambda: site).issue('acme', JANUARY, by, after(JANUARY))
        except CannotIssue as error:
            found[by] = error
        finally:
            own.close()
    threads = [threading.Thread(target=issue, args=(by,)) for by in ('raul', 'sara')]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    won, = (one for one in found.values() if isinstance(one, Issued))
    lost, = (one for one in found.values() if isinstance(one, CannotIssue))
    assert 'is issued already' in str(lost)
    kept, = Statements(db, lambda: site).list()
    assert kept == won
    with db.read() as connection:
        assert connection.scalar(select(func.count()).select_from(statement_requests)) == 106


@pytest.mark.parametrize('step', ['before', 'after'])
def test_who_dies_in_between_has_issued_nothing(db: Database, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    books = Books(db, a_site(replace(AGREED, visit_price=Decimal('1450.00'))))
    put_visit(db, put_folios(db, JANUARY, 3)[0], after(JANUARY) - DAY)
    books.put_line('mesa-1', after(JANUARY) - DAY)
    keep = module._keep

    def die(*arguments: Any) -> None:
        if step == 'after':
            keep(*arguments)
        raise KeyboardInterrupt
    with monkeypatch.context() as patched:
        patched.setattr(module, '_keep', die)
        with pytest.raises(KeyboardInterrupt):
            books.issue(JANUARY)
    with db.read() as connection:
        assert all(connection.execute(select(table)).first() is None for table in KEPT)
        assert connection.scalar(select(outbound_ledger.c.statement)) is None
    books.issue(JANUARY)
    assert charges(books.issued(JANUARY)) == [('outbound', 1, Decimal('1.70')), ('visits', 1, Decimal('1450.00'))]
    with db.read() as connection:
        assert connection.scalar(select(outbound_ledger.c.statement)) == 'acme 2026-01'


def test_a_call_that_is_rated_while_it_is_issued_is_noticed(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    books, seen = Books(db, a_site()), module._is_complete

    def meanwhile(facts: Any) -> None:
        seen(facts)
        books.put_line('mesa-1', after(JANUARY) - DAY)
    with monkeypatch.context() as patched:
        patched.setattr(module, '_is_complete', meanwhile)
        with pytest.raises(CannotIssue, match='a call was rated while the statement was made: issue it again'):
            books.issue(JANUARY)
    assert books.statements.list() == ()
    books.issue(JANUARY)
    assert charges(books.issued(JANUARY)) == [('outbound', 1, Decimal('1.70'))]


# --- single things, once -------------------------------------------------------------------------------------------------

def test_a_call_that_is_told_late_stands_on_the_next_statement(db: Database) -> None:
    books = Books(db, a_site())
    books.put_line('mesa-0', after(JANUARY) - 60 * DAY, '9.99')           # before the first statement: settled elsewhere
    books.put_line('mesa-1', after(JANUARY) - DAY)
    books.issue(JANUARY)
    books.put_line('mesa-2', after(JANUARY) - DAY, '0.85')
    books.put_line('mesa-3', after(FEBRUARY) - DAY, '3.40')
    books.put_line('other', after(FEBRUARY) - DAY, '5.00', client='globex')
    books.issue(FEBRUARY)
    assert [(one.concept, one.units, one.amount, one.month) for one in books.issued(FEBRUARY).charges] == [
        ('Llamadas de salida antes no incluidas', 1, Decimal('0.85'), '2026-01'),
        ('Llamadas de salida', 1, Decimal('3.40'), '')]
    assert [row[-1] for row in tables(books.issued(FEBRUARY))['outbound'].rows] == ['mesa-2', 'mesa-3']
    books.issue(MARCH)
    assert books.issued(MARCH).charges == ()


def test_a_visit_is_charged_once_also_when_it_is_entered_late(db: Database) -> None:
    books = Books(db, a_site(replace(AGREED, visit_price=Decimal('1450.00'))))
    number = put_folios(db, JANUARY, 1)[0]
    put_visit(db, number, after(JANUARY) - DAY)
    books.issue(JANUARY)
    put_visit(db, number, after(JANUARY) - DAY)
    put_visit(db, number, after(FEBRUARY) - DAY)
    books.issue(FEBRUARY)
    books.issue(MARCH)
    found = [charges(books.issued(month), 'visits') for month in (JANUARY, FEBRUARY, MARCH)]
    assert found == [[('visits', 1, Decimal('1450.00'))], [('visits', 2, Decimal('2900.00'))], []]
    with db.read() as connection:
        assert connection.execute(select(statement_items.c.client, statement_items.c.reference, statement_items.c.amount).order_by(
            statement_items.c.reference)).all() == [('acme', f'visit:{n}', Decimal('1450.00')) for n in (1, 2, 3)]


def put_move(db: Database, id_: int, day: date) -> None:
    with db.write() as connection:
        connection.execute(insert(site_moves).values(
            id=id_, reference=f'M{id_}', client='acme', site=f'Planta {id_}', notice=f'A-{id_}', received_on=date(2025, 10, 1),
            wanted_on=day, destination='Calle 5', modalities=['standard', 'premium'], state='delivered', version=4,
            recorded_at=after(Month(2025, 10)),
            agreed='', answer='', delivered_on=day, delivery_recorded_at=after(MARCH), ended_why='', term_months=12,
            term_first=day, term_last=day + 364 * DAY))
        connection.execute(insert(site_move_costs), [
            {'move_id': id_, 'modality': modality, 'amount': Decimal(amount), 'tariff': date(2025, 1, 1)}
            for modality, amount in (('standard', '15000.00'), ('premium', '22000.00'))])


def test_a_delivered_move_is_charged_once_also_when_it_is_entered_late(db: Database) -> None:
    books = Books(db, a_site())
    put_move(db, 1, date(2025, 12, 31))                                  # before the first statement
    put_move(db, 2, date(2026, 1, 1))
    put_move(db, 3, date(2026, 2, 1))
    books.issue(JANUARY)
    put_move(db, 4, date(2026, 1, 31))
    books.issue(FEBRUARY)
    books.issue(MARCH)
    found = [sorted((row[1], row[5]) for row in tables(books.issued(month))['moves'].rows) for month in (JANUARY, FEBRUARY)]
    first, second = Decimal('15000.00'), Decimal('22000.00')
    assert found == [[('Planta 2', first), ('Planta 2', second)],
                     [('Planta 3', first), ('Planta 3', second), ('Planta 4', first), ('Planta 4', second)]]
    assert books.issued(FEBRUARY).subtotal == 2 * (first + second) and books.issued(MARCH).charges == ()


# --- drafts --------------------------------------------------------------------------------------------------------------

def test_a_draft_of_a_later_month_charges_only_its_own(db: Database) -> None:
    """January is issued; February and March wait: what is theirs, and what is late for January, stands on theirs."""
    books = Books(db, a_site(replace(AGREED, visit_price=Decimal('1450.00'))))
    of_january = put_folios(db, JANUARY, 107)
    for month in (FEBRUARY, MARCH, APRIL):
        put_folios(db, month, 106)
        books.put_line(f'mesa-{month}', after(month) - DAY)
    books.issue(JANUARY)
    books.put_line('late', after(JANUARY) - DAY, '9.00')
    put_visit(db, of_january[0], after(FEBRUARY) - DAY)
    put_move(db, 1, date(2026, 2, 3))
    decide(books, of_january[0], after(JANUARY))
    drafts = {month: books.draft(month, after(APRIL)) for month in (FEBRUARY, MARCH, APRIL)}
    assert [one.key for one in drafts[FEBRUARY].charges] == ['outbound', 'outbound', 'visits', 'initial_cost', 'initial_cost']
    assert charges(drafts[MARCH]) == [('overage', 6, Decimal('570.00'))] * 3 + [('outbound', 1, Decimal('1.70'))]
    assert charges(drafts[APRIL]) == [('overage', 6, Decimal('570.00')), ('outbound', 1, Decimal('1.70'))]
    assert 'corrections' in tables(drafts[FEBRUARY]) and 'corrections' not in tables(drafts[MARCH])
    books.issue_all(FEBRUARY, APRIL)
    for month, draft in drafts.items():                                  # and so they were issued
        assert books.issued(month).charges == draft.charges
    assert_ideal(books, JANUARY, APRIL)


def test_corrections_stand_on_the_next_draft_alone(db: Database) -> None:
    books = Books(db, a_site())
    numbers = put_folios(db, JANUARY, 106)
    put_folios(db, FEBRUARY, 106)
    put_folios(db, MARCH, 106)
    books.issue_all(JANUARY, MARCH)
    decide(books, numbers[0], after(MARCH))
    assert charges(books.draft(APRIL, after(MAY))) == [('correction', -6, Decimal('-570.00'))] * 3
    assert books.draft(MAY, after(MAY)).charges == ()


def test_an_open_month_is_told_as_far_as_it_has_come(db: Database) -> None:
    books = Books(db, a_site())
    put_folios(db, date(2026, 1, 10), 4)
    noon = midnight(date(2026, 1, 10), MEXICO) + 12 * HOUR
    draft = books.draft(JANUARY, noon)
    assert draft.notes[0].startswith('El mes no ha terminado') and draft.issued_at is None and draft.made_at == noon
    assert tables(draft)['categories'].total == ('Total', 4, 4, Decimal(100))
    assert not books.draft(JANUARY, after(JANUARY)).notes[0].startswith('El mes no')


def test_drafts_before_the_first_issued_month_charge_nothing_of_overage(db: Database) -> None:
    books = Books(db, a_site())
    for month in (JANUARY, FEBRUARY, MARCH, APRIL):
        put_folios(db, month, 106)
    books.issue(APRIL)
    assert charges(books.issued(APRIL)) == [('overage', 6, Decimal('570.00'))]      # March's run was charged before these books
    assert books.draft(MARCH, after(APRIL)).charges == ()


# --- any life ------------------------------------------------------------------------------------------------------------

MONTHS = 6
SMALL = replace(AGREED, allowance=2, counted=frozenset({Counted.OUR_ERROR}))
lives_ = st.tuples(
    st.lists(st.integers(0, 4), min_size=MONTHS, max_size=MONTHS),                                       # requests of each month
    st.lists(st.tuples(st.integers(0, MONTHS - 1), st.integers(0, MONTHS - 1), st.integers(0, 3), st.booleans()), max_size=8),
    st.integers(0, 2),                                                                                    # the first that is issued
    st.sampled_from([OverageRule(), OverageRule(whole_run=False), OverageRule(above_percent=105)]))


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lives_)
def test_whatever_is_decided_when_the_sum_is_the_ideal(
        migrated_file: Path, tmp_path_factory: pytest.TempPathFactory,
        life: tuple[list[int], list[tuple[int, int, int, bool]], int, OverageRule]) -> None:
    """Months of some requests; before a month is issued, some of any month are decided otherwise. All charged is what is right at last."""
    counts, decisions, first, rule = life
    file = tmp_path_factory.mktemp('life') / 'mesa.db'
    file.write_bytes(migrated_file.read_bytes())
    db = Database(f'sqlite:///{file}', patience_s=20.0)
    books = Books(db, a_site(replace(SMALL, overage=rule)))
    of_month = [put_folios(db, JANUARY.plus(number), many) for number, many in enumerate(counts)]
    for number in range(first, MONTHS):
        month = JANUARY.plus(number)
        for when, which, place, counted in decisions:
            if when == number and first <= which and place < len(of_month[which]):
                with db.write() as connection:
                    id_ = connection.scalar(select(folios.c.id).where(folios.c.number == of_month[which][place]))
                    connection.execute(insert(count_decisions).values(folio_id=id_, counts=counted, reason='x', by='sara', at=after(month)))
        books.issue(month)
        with db.read() as connection:
            uses = month_uses(connection, books.site, 'acme', Modality.STANDARD, JANUARY, month)
        right = sum((one.amount for one in ideal_charges(uses, rule) if one.charged_in >= JANUARY.plus(first)), Decimal(0))
        assert sum((amount for _, _, _, amount in books.charged()), Decimal(0)) == right
    db.close()
    file.unlink()
