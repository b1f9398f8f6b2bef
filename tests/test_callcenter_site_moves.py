"""`mesa site-move ...` as a person or a script runs it, and the duty that watches what is late."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from callcenter.clock import set_clock
from callcenter.duties import duties
from callcenter.instance import Instance
from callcenter.moving import remind_of_moves
from callcenter.reading import Reading
from config.terms import InitialCost, Prices
from config.values import Modality, Site
from contracts.moves import SiteMoves
from storage.engine import Database
from tests.test_callcenter_commands import Mesa, before, mesa
from ticketing.numbers import number_for
from ticketing.tables import outbox

__all__ = ['before', 'mesa']
FIRST = f'M{number_for(1)}'
NOTICE = ('site-move', 'notice', 'nopalera', 'Monterrey', '--reference', 'OF-12', '--to', 'Av. Fundidora 501', '--modality', 'standard',
          '--modality', 'premium', '--by', 'ana')
PRICES = Prices(initial_costs=tuple(InitialCost(date(2026, 1, 1), modality, amount) for modality, amount in (
    (Modality.STANDARD, Decimal('12500.00')), (Modality.PREMIUM, Decimal('8400.00')))))


@pytest.fixture
def priced(mesa: Mesa, monkeypatch: pytest.MonkeyPatch) -> Mesa:
    """A site with initial costs; it is Tuesday 24 November 2026."""
    loaded = Reading.site

    def with_prices(reading: Reading) -> Site:
        return replace(loaded(reading), prices=PRICES)
    monkeypatch.setattr(Reading, 'site', with_prices)
    return mesa


@pytest.fixture
def books(mesa: Mesa) -> Iterator[Database]:
    database = Database(Instance.open(mesa.root).database_url, patience_s=20)
    yield database
    database.close()


def clock(mesa: Mesa, time: str) -> None:
    set_clock(mesa.root, True, datetime.fromisoformat(f'{time}-06:00'))


def test_a_life_from_the_command_line(priced: Mesa) -> None:
    said = priced(*NOTICE, '--wanted', '2027-02-01').out.splitlines()
    assert said == [
        f'Site move {FIRST} (nopalera, Monterrey) is noticed, planned for 2027-02-01, initial cost 20,900.00 before taxes (version 0).',
        '  2027-02-01 is closed at the site (Día de la Constitución); the next day with hours is 2027-02-02.']
    assert 'is feasible' in priced('site-move', 'feasible', FIRST, '--text', 'Sí se puede.', '--by', 'ana').out
    assert 'planned for 2027-02-02' in priced('site-move', 'reschedule', FIRST, '2027-02-02', '--by', 'ana').out
    assert 'is accepted' in priced('site-move', 'accept', FIRST, '--if-version', '2', '--by', 'ana').out
    clock(priced, '2027-02-02T18:00:00')
    said = priced('site-move', 'deliver', FIRST, '--by', 'beto').out.splitlines()
    assert said[0] == (f'Site move {FIRST} (nopalera, Monterrey) is delivered, on 2027-02-02, initial cost 20,900.00 before taxes, '
                       'new term 2027-02-02 to 2028-02-01 (version 4).')
    assert 'column site (and phones) of ' in said[1] and 'clients/nopalera.users.csv' in said[1]
    assert "[site_calendars] in clients/nopalera.toml, where 'Monterrey' does not stand." in said[2]
    assert said[3] == '  Then: mesa config check, mesa config apply.'
    told = priced('site-move', 'show', FIRST, '--json').json
    assert (told['state'], told['cost'], told['cost_is'], told['term_months']) == ('delivered', '20900.00', 'owed', 12)
    assert told['costs'] == [{'modality': 'premium', 'amount': '8400.00', 'tariff': '2026-01-01'},
                             {'modality': 'standard', 'amount': '12500.00', 'tariff': '2026-01-01'}]
    assert (told['received_on'], told['earliest_on'], told['delivered_on'], told['term_last']) == (
        '2026-11-24', '2027-01-23', '2027-02-02', '2028-02-01')
    assert [(event['state'], event['by']) for event in told['events']] == [
        ('noticed', 'ana'), ('feasible', 'ana'), ('feasible', 'ana'), ('accepted', 'ana'), ('delivered', 'beto')]


def test_show_and_list_for_people(priced: Mesa) -> None:
    assert priced('site-move', 'list').out == 'No site moves yet.\n'
    assert priced('site-move', 'list', '--json').json == []
    priced(*NOTICE, '--wanted', '2027-02-02')
    priced('site-move', 'feasible', FIRST, '--text', 'uno\ndos \x1b[31mrojo', '--by', 'ana')
    row = priced('site-move', 'list').out.splitlines()[1]
    assert row.split() == [FIRST, 'nopalera', 'Monterrey', '2026-11-24', '2027-02-02', 'feasible', '20,900.00']
    shown = priced('site-move', 'show', FIRST.lower()).out
    assert 'earliest on  2027-01-23' in shown and 'recorded at  2026-11-24 10:00:00' in shown and 'history' in shown
    assert 'uno dos' in shown and '\x1b' not in shown
    assert priced('site-move', 'list', '--client', 'quetzal').out == 'No site move matches.\n'
    assert len(priced('site-move', 'list', '--state', 'feasible', '--json').json) == 1


def test_not_feasible_and_cancelled(mesa: Mesa) -> None:
    said = mesa(*NOTICE, '--wanted', '2027-02-02').out
    assert 'initial cost 38,200.00' in said.splitlines()[0]        # of the example's own tariffs
    done = mesa('site-move', 'not-feasible', FIRST, '--reason', 'Sin red en la zona.', '--by', 'ana')
    assert done.out == f'Site move {FIRST} (nopalera, Monterrey) is not feasible (version 1).\n'
    done = mesa('site-move', 'cancel-service', FIRST, '--by', 'ana')
    assert 'is service cancelled (version 2)' in done.out and 'the lines and the contract in clients/nopalera.toml' in done.out
    mesa(*NOTICE[:5], 'OF-13', *NOTICE[6:], '--wanted', '2027-02-02')
    second = f'M{number_for(2)}'
    mesa('site-move', 'not-feasible', second, '--reason', 'Sin red.')
    assert 'is closed' in mesa('site-move', 'close', second).out
    third = mesa(*NOTICE[:5], 'OF-14', *NOTICE[6:], '--wanted', '2027-02-02', '--json').json['reference']
    assert mesa('site-move', 'withdraw', third, '--reason', 'Se pospone', '--json').json['ended_why'] == 'Se pospone'


def test_a_short_notice_from_the_command_line(priced: Mesa) -> None:
    refused = priced(*NOTICE, '--wanted', '2027-01-22')
    assert (refused.code, refused.out) == (1, '')
    assert refused.err == ('mesa: 2027-01-22 is 59 days after the notice of 2026-11-24, and the contract asks for 60: the first day is '
                           '2027-01-23. If both parties agreed to less, give the reason with --agreed\n')
    told = priced(*NOTICE, '--wanted', '2027-01-22', '--agreed', 'Acuerdo', '--received', '2026-11-24', '--json').json
    assert (told['short_notice'], told['agreed']) == (True, 'Acuerdo')


@pytest.mark.parametrize(('words', 'code', 'said'), [
    ('show', 2, "Missing argument 'REFERENCE'"),
    ('show M1', 1, "No site move has the reference 'M1'. See: mesa site-move list"),
    ('accept M1', 1, 'See: mesa site-move list'),
    ('notice nopalera Monterrey --wanted 2027-02-02 --to X', 2, "Missing option '--reference'"),
    ('notice nopalera Monterrey --reference A --wanted soon --to X', 2, "'soon' is not a day. Write it like 2026-09-16"),
    ('notice nopalera Monterrey --reference A --wanted 2027-02-30 --to X', 2, 'is not a day'),
    ('notice acme Monterrey --reference A --wanted 2027-02-02 --to X', 1, "no client is called 'acme'; there are: nopalera, quetzal"),
    ('notice nopalera Marte --reference A --wanted 2027-02-02 --to X', 1, "nopalera has no site 'Marte'; its users and calendars name:"),
    ('notice nopalera Monterrey --reference A --wanted 2027-02-02 --to X --modality gold', 2, "'gold' is not one of"),
    ('notice nopalera Monterrey --reference A --wanted 2027-02-02 --to X --received 2026-11-25', 1, 'cannot have been received'),
    ('not-feasible {move}', 2, "Missing option '--reason'"),
    ('accept {move} --term-months 0', 2, '1<=x<=600'),
    ('accept {move}', 1, 'is noticed: accept is not possible now (possible: feasible, not-feasible, reschedule, withdraw)'),
    ('withdraw {move} --if-version 3', 1, 'is at version 0 and you saw 3'),
    ('reschedule {move} 2026-11-23 --agreed x', 1, 'today is 2026-11-24'),
    ('list --state lost', 2, "'lost' is not one of")])
def test_errors_are_sentences(priced: Mesa, words: str, code: int, said: str) -> None:
    if '{move}' in words:
        priced(*NOTICE, '--wanted', '2027-02-02')
    done = priced('site-move', *words.format(move=FIRST).split())
    assert (done.code, done.out) == (code, '')
    assert said in done.err and 'Traceback' not in done.err


def test_the_letter_of_the_example_client(priced: Mesa, books: Database) -> None:
    priced(*NOTICE, '--wanted', '2027-02-02')
    with books.read() as connection:
        (row,) = connection.execute(select(outbox)).all()
    assert (row.notice, row.recipient, row.client) == ('site_move_noticed', 'leticia.barragan@nopalera.example', 'nopalera')
    shown = priced('outbox', 'show', str(row.id)).out
    assert 'site_move_noticed' in shown


def test_the_duty_tells_of_what_is_late_once(mesa: Mesa, books: Database, caplog: pytest.LogCaptureFixture) -> None:
    site = mesa_site(mesa)
    mesa(*NOTICE, '--wanted', '2027-02-02')
    now = datetime.fromisoformat('2026-12-04T09:00:00-06:00')
    serving = SimpleNamespace(db=books, standing=lambda: SimpleNamespace(site=site), clock=SimpleNamespace(now=lambda: now))
    caplog.set_level('INFO')
    assert (remind_of_moves(serving)(), remind_of_moves(serving)()) == (1, 0)
    assert 'supervisors told of 1 late site moves' in caplog.text
    assert 'answer_late_at' in mesa('site-move', 'show', FIRST, '--json').out
    assert SiteMoves(books).events(FIRST)[-1].text.startswith('se avisó a supervisión')


def mesa_site(mesa: Mesa) -> Site:
    return Instance.open(mesa.root).site()


def test_it_is_in_the_table_of_duties() -> None:
    assert 'late site moves' in duties.__code__.co_consts
