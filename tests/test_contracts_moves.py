"""The books of sites that move: each step whole, once, with its history and its letter, whoever comes second (mission.md 7.4)."""
from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from config.terms import Contract, InitialCost, Prices
from config.values import Modality, Site
from contracts.months import Month
from contracts.move_rows import Move, WrittenNotice
from contracts.move_rules import (
    MoveChanged,
    MoveState,
    NoInitialCost,
    ShortNotice,
    SiteMoveError,
    StepRefused,
    Term,
    UnknownMove,
)
from contracts.move_tables import site_move_costs, site_move_events, site_moves
from contracts.moves import SiteMoves, expected_costs
from storage.engine import Database
from tests.site_copies import ROOT
from tests.small_site import CITY, a_site, at
from ticketing.mail.letters import letter
from ticketing.mail.outbox import Outbox
from ticketing.numbers import number_for
from ticketing.tables import counters, outbox

RECEIVED, WANTED = date(2026, 7, 10), date(2026, 9, 16)                # 68 days; Independence Day
NOW = at('2026-07-10 10:00')
DAY = timedelta(days=1)
STANDARD, FAX = Modality.STANDARD, Modality.FAX
PRICES = Prices(initial_costs=(
    InitialCost(date(2026, 1, 1), STANDARD, Decimal('12000.00')), InitialCost(date(2026, 1, 1), FAX, Decimal('800.00')),
    InitialCost(date(2026, 10, 1), STANDARD, Decimal('12500.50'))))


def moving_site(**client_facts: Any) -> Site:
    usual = {'site_calendars': {'Monterrey': '5x12', 'Planta': '24x7'}, 'contract': Contract(term_months=18)}
    return replace(a_site(**(usual | client_facts)), prices=PRICES)


SITE = moving_site()
FIRST = f'M{number_for(1)}'


def a_notice(**facts: Any) -> WrittenNotice:
    return WrittenNotice(**{'client': 'quetzal', 'site': 'Monterrey', 'reference': 'OF-12', 'received_on': RECEIVED, 'wanted_on': WANTED,
                            'destination': 'Av. Fundidora 501', **facts})


class Books:
    """The books of moves, a hand-driven clock and ana at the desk."""

    def __init__(self, db: Database, site: Site = SITE) -> None:
        self.db, self.site, self.now = db, site, NOW
        self.moves = SiteMoves(db)

    def notice(self, **facts: Any) -> Move:
        return self.moves.notice(a_notice(**facts), self.site, 'ana', self.now)

    def feasible(self, words: str = '', **more: Any) -> Move:
        return self.moves.decide_feasibility(FIRST, True, words, self.site, 'ana', self.now, **more)

    def not_feasible(self, words: str = 'No hay red en la zona.') -> Move:
        return self.moves.decide_feasibility(FIRST, False, words, self.site, 'ana', self.now)

    def accept(self, **more: Any) -> Move:
        return self.moves.accept(FIRST, self.site, 'ana', self.now, **more)

    def reschedule(self, day: date, **more: Any) -> Move:
        return self.moves.reschedule(FIRST, day, self.site, 'ana', self.now, **more)

    def deliver(self, day: date = WANTED, **more: Any) -> Move:
        self.now = max(self.now, at(f'{day} 18:00'))
        return self.moves.deliver(FIRST, day, self.site, 'ana', self.now, **more)

    def accepted(self, **facts: Any) -> Move:
        self.notice(**facts)
        self.feasible()
        return self.accept()

    def letters(self) -> list[Any]:
        with self.db.read() as connection:
            return connection.execute(select(outbox).order_by(outbox.c.id)).all()

    def told(self) -> list[str]:
        return [row.notice for row in self.letters()]

    def last_letter(self) -> str:
        """The text of the newest letter, as its reader gets it."""
        row = Outbox(self.db).get(self.letters()[-1].id)
        part = letter(row, self.site, 'key', 'https://x.example', self.now).get_body(('plain',))
        assert part is not None
        return str(part.get_content()).replace('\r\n', '\n')

    def counts(self) -> dict[str, int]:
        with self.db.read() as connection:
            return {table.name: connection.scalar(select(func.count()).select_from(table)) or 0
                    for table in (site_moves, site_move_costs, site_move_events, outbox)}


@pytest.fixture
def books(db: Database) -> Books:
    return Books(db)


# -- a whole life ------------------------------------------------------------------------------------------------------

def test_a_move_from_the_notice_to_the_delivery(books: Books) -> None:
    noticed = books.notice()
    assert (noticed.reference, noticed.state, noticed.version, noticed.modalities) == (FIRST, 'noticed', 0, (STANDARD,))
    assert (books.feasible('Se requiere corriente regulada.').state, books.accept().accepted_total) == ('feasible', Decimal('12000.00'))
    delivered = books.deliver(date(2026, 9, 17))
    assert (delivered.state, delivered.version, delivered.delivered_on) == ('delivered', 3, date(2026, 9, 17))
    assert delivered.term == Term(date(2026, 9, 17), date(2028, 3, 16)), 'eighteen months, by the contract'
    assert (delivered.initial_cost, delivered.costs[0].tariff, delivered.delivery_recorded_at) == (
        Decimal('12000.00'), date(2026, 1, 1), at('2026-09-17 18:00'))
    assert books.moves.get(FIRST) == delivered == books.moves.get(FIRST.lower().removeprefix('m'))
    assert [(event.version, event.state, event.by) for event in books.moves.events(FIRST)] == [
        (0, 'noticed', 'ana'), (1, 'feasible', 'ana'), (2, 'accepted', 'ana'), (3, 'delivered', 'ana')]
    assert books.told() == ['site_move_noticed', 'site_move_feasible', 'site_move_scheduled', 'site_move_delivered']
    assert {row.recipient for row in books.letters()} == {'rita@quetzal.example'}


def test_the_letters_say_what_the_contact_must_know(books: Books) -> None:
    books.notice()
    said = books.last_letter()
    assert said.startswith('Apreciable Rita Luna:')
    assert 'a partir del martes 8 de septiembre de 2026' in said, 'the 60th day'
    assert 'inhábil en el calendario del sitio (Día de la Independencia)' in said and 'jueves 17 de septiembre de 2026' in said
    books.feasible('Se requiere corriente regulada.')
    assert all(words in books.last_letter() for words in ('corriente regulada', 'HELP DESK 911: $12,000.00', 'de 18 meses'))
    books.accept()
    assert 'quedó programado para el miércoles 16 de septiembre de 2026' in books.last_letter()
    books.deliver(date(2026, 10, 5))
    said = books.last_letter()
    assert 'va del lunes 5 de octubre de 2026 al martes 4 de abril de 2028' in said
    assert '$12,500.50' in said and 'Usted había aceptado $12,000.00' in said, 'the cost of the day of the change'
    assert 'lista de usuarios' in said and 'inhábil' not in said


def test_what_is_not_feasible_is_told_in_the_words_of_the_clause(books: Books) -> None:
    books.notice()
    assert books.not_feasible().answer == 'No hay red en la zona.'
    said = books.last_letter()
    assert all(words in said for words in (
        'No hay red en la zona.', 'no incurrimos en responsabilidad alguna', 'los demás servicios que tiene contratados no se afectan',
        'cláusula de terminación y rescisión'))
    cancelled = books.moves.cancel_service(FIRST, 'Cerramos el sitio.', books.site, 'ana', NOW)
    assert (cancelled.state, cancelled.ended_why, cancelled.initial_cost) == (MoveState.SERVICE_CANCELLED, 'Cerramos el sitio.', None)
    assert 'terminación y rescisión' in books.last_letter() and 'siguen sin cambio' in books.last_letter()
    with pytest.raises(StepRefused, match='possible: nothing'):
        books.moves.close(FIRST, '', books.site, 'ana', NOW)
    assert books.counts()['site_move_costs'] == 0


def test_a_client_may_keep_what_it_has(books: Books) -> None:
    books.notice()
    books.not_feasible()
    assert books.moves.close(FIRST, '', books.site, 'ana', NOW).state is MoveState.CLOSED
    assert 'no genera ningún cargo' in books.last_letter()
    books.notice(reference='OF-13')                                    # and ask anew for another address
    assert len(books.moves.list()) == 2


@pytest.mark.parametrize('before', [0, 1, 2])
def test_a_move_is_taken_back_from_any_state_before_delivery(books: Books, before: int) -> None:
    for step in (books.notice, books.feasible, books.accept)[:before + 1]:
        step()
    assert books.moves.withdraw(FIRST, 'Se pospone.', books.site, 'ana', NOW).state is MoveState.WITHDRAWN
    assert 'Se pospone.' in books.last_letter()
    with pytest.raises(StepRefused, match='is withdrawn: deliver is not possible'):
        books.deliver()


def test_a_delivered_one_is_not_taken_back(books: Books) -> None:
    books.accepted()
    books.deliver()
    for step in (lambda: books.moves.withdraw(FIRST, '', SITE, 'ana', NOW), lambda: books.reschedule(WANTED + DAY), lambda: books.accept()):
        with pytest.raises(StepRefused, match='possible: nothing'):
            step()


# -- the notice --------------------------------------------------------------------------------------------------------

def test_a_short_notice_is_refused_unless_both_agreed(books: Books) -> None:
    with pytest.raises(ShortNotice, match='59 days after'):
        books.notice(wanted_on=RECEIVED + 59 * DAY)
    assert books.counts() == dict.fromkeys(books.counts(), 0)
    move = books.notice(wanted_on=RECEIVED + 59 * DAY, agreed='Acuerdo del 3 de julio')
    assert move.agreed == 'Acuerdo del 3 de julio'
    assert 'acuerdo de ambas partes: Acuerdo del 3 de julio' in books.last_letter()
    assert 'Acuerdo del 3 de julio' in books.moves.events(FIRST)[0].text


def test_sixty_days_are_enough_and_no_agreement_is_kept(books: Books) -> None:
    assert books.notice(wanted_on=RECEIVED + 60 * DAY, agreed='x').agreed == ''


@pytest.mark.parametrize(('facts', 'said'), [
    ({'client': 'acme'}, "no client is called 'acme'; there are: quetzal"),
    ({'site': 'Marte'}, "quetzal has no site 'Marte'; its users and calendars name: Monterrey, Planta"),
    ({'reference': ' \n '}, '1 to 64 characters'), ({'reference': 'x' * 65}, '1 to 64 characters'), ({'destination': ''}, 'which address'),
    ({'modalities': (FAX,)}, 'has not contracted fax; it has: standard'), ({'received_on': RECEIVED + DAY}, 'cannot have been received'),
    ({'wanted_on': RECEIVED - DAY}, 'received later')])
def test_what_the_books_cannot_take(books: Books, facts: dict[str, Any], said: str) -> None:
    with pytest.raises(SiteMoveError, match=said):
        books.notice(**facts)
    assert books.counts() == dict.fromkeys(books.counts(), 0)


def test_today_is_a_day_of_the_sites_zone(books: Books) -> None:
    books.now = datetime(2026, 7, 11, 5, 30, tzinfo=UTC)               # still the 10th in Mexico City
    with pytest.raises(StepRefused, match='today is 2026-07-10'):
        books.notice(received_on=date(2026, 7, 11))


def test_the_same_notice_twice_is_one_move(books: Books) -> None:
    first = books.notice()
    assert books.notice(reference='  OF-12 ') == first
    assert books.counts() == {'site_moves': 1, 'site_move_costs': 0, 'site_move_events': 1, 'outbox': 1}
    with pytest.raises(StepRefused, match=f'notice OF-12 of quetzal for Monterrey is in the books with other facts, {FIRST}'):
        books.notice(wanted_on=WANTED + DAY)
    rescheduled = books.reschedule(WANTED + DAY)
    assert books.notice() == rescheduled, 'the day of the notice is not the plan any more'


def test_a_site_moves_once_at_a_time_and_another_meanwhile(books: Books) -> None:
    books.notice()
    with pytest.raises(StepRefused, match=f'already moves, as {FIRST}'):
        books.notice(reference='OF-13')
    assert books.notice(site='Planta').reference == f'M{number_for(2)}', 'one letter about two sites is two moves'


def test_who_wrote_nothing_to_the_books_may_still_have_no_contact(db: Database) -> None:
    books = Books(db, moving_site(contact=None))
    books.accepted()
    books.deliver()
    assert books.letters() == []


def test_letters_wait_for_the_opening_unless_the_contract_says_otherwise(db: Database) -> None:
    books = Books(db)
    books.now = at('2026-07-10 22:00')                                 # a Friday night
    books.notice()
    assert books.letters()[-1].due == at('2026-07-13 08:00') and books.letters()[-1].held
    client = SITE.clients['quetzal']
    books.site = moving_site(policy=replace(client.policy, notify_outside_hours=True))
    books.notice(site='Planta')
    assert books.letters()[-1].due == books.now and not books.letters()[-1].held


# -- another day -------------------------------------------------------------------------------------------------------

def test_the_sixty_days_are_counted_from_the_notice_again(books: Books) -> None:
    books.notice()
    books.now = at('2026-09-01 10:00')
    with pytest.raises(ShortNotice):
        books.reschedule(RECEIVED + 59 * DAY)
    assert books.reschedule(RECEIVED + 60 * DAY).wanted_on == RECEIVED + 60 * DAY, 'eight days from now, sixty from the notice'
    assert books.reschedule(RECEIVED + 59 * DAY, agreed='Urge').agreed == 'Urge'
    assert 'aún revisamos' in books.last_letter() and 'Urge' in books.last_letter()
    assert books.reschedule(WANTED).agreed == '', 'the agreement was about another day'
    with pytest.raises(StepRefused, match='cannot be planned'):
        books.reschedule(date(2026, 8, 31))


def test_the_cost_follows_the_day_and_one_that_changes_is_accepted_again(books: Books) -> None:
    books.accepted()
    same = books.reschedule(date(2026, 9, 17))
    assert (same.state, same.accepted_total) == ('accepted', Decimal('12000.00'))
    dearer = books.reschedule(date(2026, 10, 1), reason='Obra atrasada')
    assert (dearer.state, dearer.accepted_total, dearer.version) == ('feasible', None, 4)
    assert 'debe aceptarse de nuevo' in books.moves.events(FIRST)[-1].text and 'Obra atrasada' in books.moves.events(FIRST)[-1].text
    assert '$12,500.50' in books.last_letter() and 'que acepta este costo' in books.last_letter()
    with pytest.raises(StepRefused, match='is feasible: deliver is not possible'):
        books.deliver(date(2026, 10, 1))
    assert books.accept().accepted_total == Decimal('12500.50')
    assert books.told()[-1] == 'site_move_scheduled'


def test_the_same_day_again_changes_nothing(books: Books) -> None:
    books.notice()
    before = books.counts()
    assert books.reschedule(WANTED).version == 0
    assert books.counts() == before
    books.not_feasible()
    with pytest.raises(StepRefused, match='reschedule is not possible'):
        books.reschedule(WANTED)


# -- cost and term -----------------------------------------------------------------------------------------------------

def test_each_modality_served_at_the_site_costs(db: Database) -> None:
    books = Books(db, moving_site(modalities=frozenset({STANDARD, FAX})))
    move = books.accepted()
    assert move.modalities == (FAX, STANDARD)
    delivered = books.deliver()
    assert [(cost.modality, cost.amount) for cost in delivered.costs] == [(FAX, Decimal('800.00')), (STANDARD, Decimal('12000.00'))]
    assert delivered.initial_cost == Decimal('12800.00')
    assert 'Total: $12,800.00' in books.last_letter()


def test_what_a_delivered_move_costs_is_a_fact_whatever_tariffs_say_later(books: Books) -> None:
    books.accepted()
    delivered = books.deliver()
    books.site = replace(SITE, prices=Prices())
    assert books.moves.get(FIRST) == delivered
    assert expected_costs(delivered, books.site) == delivered.costs


@pytest.mark.parametrize(('done', 'step'), [
    (0, lambda books: books.feasible()), (1, lambda books: books.accept()), (1, lambda books: books.reschedule(WANTED + DAY)),
    (2, lambda books: books.deliver())])
def test_without_a_price_no_step_that_needs_one(books: Books, done: int, step: Callable[[Books], object]) -> None:
    for earlier in (books.notice, books.feasible, books.accept)[:done + 1]:
        earlier()
    before, books.site = books.counts(), replace(SITE, prices=Prices())
    with pytest.raises(NoInitialCost, match=r'no initial cost of standard is in force on 2026-09-1\d: enter it in tariffs.toml'):
        step(books)
    assert books.counts() == before
    assert expected_costs(books.moves.get(FIRST), books.site) is None


def test_not_feasible_needs_no_price(db: Database) -> None:
    books = Books(db, replace(SITE, prices=Prices()))
    books.notice()
    assert books.not_feasible().state is MoveState.NOT_FEASIBLE


def test_the_term_may_be_agreed_for_this_move(books: Books) -> None:
    books.notice()
    books.feasible()
    with pytest.raises(StepRefused):
        books.accept(term_months=0)
    assert books.accept(term_months=24).term_months == 24
    assert books.accept().version == 2, 'entered again'
    with pytest.raises(StepRefused):
        books.accept(term_months=36)
    assert books.deliver(WANTED).term == Term(WANTED, date(2028, 9, 15))


def test_a_delivery_is_a_fact_on_a_closed_day_too(books: Books) -> None:
    books.accepted()
    with pytest.raises(StepRefused, match='today is 2026-07-10'):
        books.moves.deliver(FIRST, WANTED, books.site, 'ana', NOW)
    sunday = date(2026, 9, 20)
    delivered = books.deliver(sunday)
    assert delivered.term is not None and delivered.term.first == sunday


def test_an_earlier_delivery_counts_from_its_own_day(books: Books) -> None:
    books.accepted()
    assert books.deliver(date(2026, 8, 3)).term == Term(date(2026, 8, 3), date(2028, 2, 2))


# -- done again, by two, and killed ------------------------------------------------------------------------------------

def test_every_step_done_again_changes_nothing(books: Books) -> None:
    for step in (books.notice, books.feasible, books.accept, books.deliver):
        done = step()
        before = books.counts()
        assert step() == done and books.counts() == before
    with pytest.raises(StepRefused, match='deliver is not possible'):
        books.deliver(WANTED + DAY)
    books.notice(site='Planta')
    second = f'M{number_for(2)}'
    for _ in range(2):
        books.moves.withdraw(second, 'No', books.site, 'ana', books.now)
    with pytest.raises(StepRefused):
        books.moves.withdraw(second, 'Otra razón', books.site, 'beto', books.now)
    assert books.told().count('site_move_withdrawn') == 1


def test_who_saw_an_older_version_is_told_who_changed_it(books: Books) -> None:
    books.notice()
    books.feasible(seen=0)
    with pytest.raises(MoveChanged, match='is at version 1 and you saw 0: ana changed it last on 2026-07-10 10:00:00') as error:
        books.moves.withdraw(FIRST, '', books.site, 'beto', NOW, seen=0)
    assert 'ana' in error.value.told
    assert books.moves.get(FIRST).state is MoveState.FEASIBLE


def test_a_step_needs_somebody_and_a_move_that_is_there(books: Books) -> None:
    books.notice()
    with pytest.raises(StepRefused, match='who makes it'):
        books.moves.accept(FIRST, SITE, ' ', NOW)
    for unknown in ('M12345674', 'x', ''):
        with pytest.raises(UnknownMove):
            books.moves.get(unknown)
        with pytest.raises(UnknownMove):
            books.moves.events(unknown)


def together(*works: Callable[[], object]) -> list[object]:
    """What each of several people gets who act at the same moment: the result, or the error."""
    start, results = threading.Barrier(len(works)), [None] * len(works)

    def one(n: int) -> None:
        start.wait()
        try:
            results[n] = works[n]()
        except SiteMoveError as error:
            results[n] = error
    threads = [threading.Thread(target=one, args=(n,)) for n in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_two_who_decide_at_once_do_not_undo_each_other(books: Books) -> None:
    books.accepted()
    books.now = at('2026-09-16 18:00')
    results = together(lambda: books.deliver(seen=2), lambda: books.moves.withdraw(FIRST, 'No', SITE, 'beto', books.now, seen=2))
    assert sum(isinstance(result, MoveChanged) for result in results) == 1
    move = books.moves.get(FIRST)
    assert move.version == 3 and len(books.moves.events(FIRST)) == 4
    assert (books.counts()['site_move_costs'] == 1) == (move.state is MoveState.DELIVERED)


def test_two_who_enter_the_same_notice_at_once_make_one_move(books: Books) -> None:
    assert len({str(result) for result in together(*[books.notice] * 4)}) == 1
    assert books.counts() == {'site_moves': 1, 'site_move_costs': 0, 'site_move_events': 1, 'outbox': 1}


def test_two_notices_at_once_about_one_site_make_one_move(books: Books) -> None:
    results = together(*[lambda n=n: books.notice(reference=f'OF-{n}') for n in range(3)])
    assert sum(isinstance(result, StepRefused) for result in results) == 2
    assert books.counts()['site_moves'] == 1


KILLED = """
import os, signal, sys
from storage.engine import Database
from tests.test_contracts_moves import Books
import contracts.move_turn, contracts.moves
step, where = sys.argv[2:]
books = Books(Database(sys.argv[1], patience_s=20.0))
def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)
if where == 'before commit':
    contracts.move_turn.send = die
getattr(books, step)()
die()
"""


def test_killed_between_steps_the_same_command_again_ends_in_the_same_books(db: Database, db_url: str) -> None:
    books = Books(db)
    steps = ('notice', 'feasible', 'accept', 'deliver')
    for n, step in enumerate(steps):
        for where, stored in (('before commit', n), ('after commit', n + 1)):
            done = subprocess.run([sys.executable, '-c', KILLED, db_url, step, where], cwd=ROOT, timeout=60, check=False)
            assert done.returncode == -9
            assert books.counts()['site_move_events'] == books.counts()['outbox'] == stored, f'{step}, killed {where}'
        getattr(books, step)()                                         # by whoever does not know that it was done
        assert books.counts()['site_move_events'] == books.counts()['outbox'] == n + 1
    assert (books.counts()['site_move_costs'], books.moves.get(FIRST).reference) == (1, FIRST)
    with db.read() as connection:
        assert connection.scalar(select(counters.c.last).where(counters.c.name == 'site_move')) == 1


@pytest.mark.parametrize('statement', ["UPDATE site_move_events SET text = 'x'", 'DELETE FROM site_move_events'])
def test_the_history_is_never_changed(books: Books, statement: str) -> None:
    books.notice()
    with pytest.raises(DBAPIError, match='never'), books.db.write() as connection:
        connection.execute(text(statement))
    assert len(books.moves.events(FIRST)) == 1


# -- what others ask ---------------------------------------------------------------------------------------------------

def test_a_month_has_the_moves_that_were_delivered_in_it(books: Books) -> None:
    books.accepted()
    assert books.moves.delivered_in('quetzal', Month(2026, 9), CITY) == ()
    delivered = books.deliver(date(2026, 9, 30))
    assert books.moves.delivered_in('quetzal', Month(2026, 9), CITY) == (delivered,)
    for client, month in (('quetzal', Month(2026, 8)), ('quetzal', Month(2026, 10)), ('otro', Month(2026, 9))):
        assert books.moves.delivered_in(client, month, CITY) == ()


def test_lists(books: Books) -> None:
    one, two = books.notice(), books.notice(site='Planta')
    assert books.moves.list() == (two, one) and books.moves.list(limit=1) == (two,)
    books.feasible()
    assert [move.site for move in books.moves.list('quetzal', [MoveState.FEASIBLE])] == ['Monterrey']
    assert books.moves.list('otro') == ()


# -- reminders ---------------------------------------------------------------------------------------------------------

def warnings(books: Books) -> list[tuple[str, str]]:
    return [(row.recipient, row.payload['text']) for row in books.letters() if row.notice == 'warning']


def test_nobody_answers_for_ten_days(books: Books) -> None:
    books.notice()
    assert books.moves.remind(SITE, at('2026-07-19 23:59')) == 0
    assert books.moves.remind(SITE, at('2026-07-20 00:00')) == 1
    told = warnings(books)
    assert {recipient for recipient, _ in told} == {'eva@mesa.example', 'sol@mesa.example'}
    assert FIRST in told[0][1] and 'aún no se responde' in told[0][1] and 'mesa site-move feasible' in told[0][1]
    assert books.letters()[-1].due == at('2026-07-20 08:00')
    assert books.moves.remind(SITE, at('2026-08-20 00:00')) == 0, 'once'
    assert len(warnings(books)) == 2
    assert books.moves.events(FIRST)[-1].by == 'mesa'
    assert books.feasible(seen=0).version == 1, 'a reminder is no decision'


def test_the_day_passes_without_a_delivery(books: Books) -> None:
    books.accepted()
    assert books.moves.remind(SITE, at('2026-09-16 23:59')) == 0
    assert books.moves.remind(SITE, at('2026-09-17 00:01')) == 1
    assert books.moves.remind(SITE, at('2026-09-18 00:01')) == 0
    assert 'mesa site-move deliver' in warnings(books)[0][1]
    books.now = at('2026-09-18 10:00')
    books.reschedule(date(2026, 9, 21))
    assert books.moves.remind(SITE, at('2026-09-21 12:00')) == 0
    assert books.moves.remind(SITE, at('2026-09-22 12:00')) == 1, 'another day, another warning'
    assert len(warnings(books)) == 4


def test_both_may_be_late_and_what_ended_is_not(books: Books) -> None:
    books.notice()
    books.notice(site='Planta')
    books.moves.withdraw(f'M{number_for(2)}', '', SITE, 'ana', NOW)
    assert books.moves.remind(SITE, at('2026-09-20 12:00')) == 2
    assert len(warnings(books)) == 4
    books.not_feasible()
    assert books.moves.remind(SITE, at('2026-12-20 12:00')) == 0


def test_two_workers_tell_once(books: Books) -> None:
    books.notice()
    assert sorted(together(*[lambda: books.moves.remind(SITE, at('2026-07-21 12:00'))] * 3)) == [0, 0, 1]     # type: ignore[type-var]
    assert len(warnings(books)) == 2


def test_a_client_that_the_site_has_no_more_is_still_told_of_and_cannot_be_delivered(books: Books) -> None:
    books.accepted()
    books.site = replace(SITE, clients={}, lines={})
    assert books.moves.remind(books.site, at('2026-09-17 12:00')) == 1
    with pytest.raises(SiteMoveError, match="no client is called 'quetzal'"):
        books.deliver()
    assert books.moves.withdraw(FIRST, '', books.site, 'ana', books.now).state is MoveState.WITHDRAWN
