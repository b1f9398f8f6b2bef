"""The wallboard: what is known, what is not, and that the one is never taken for the other (mission.md 6.3)."""
from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_listener.board import Board, Seat, Waiting
from ami_listener.call_figures import NOTHING, CallFigures
from ami_listener.membership import TAKEN_OUT
from ami_listener.phones import PhoneCall, Phones
from ami_listener.presence import Presence
from desk.accounts.values import Person, Role
from desk.board.feed import BETWEEN_S, LOOK_EVERY_S
from desk.board.quarters import QUARTER, Wait, quarters
from desk.board.state import AGENT_STATES, Books, Link, agents_of, as_json, board_state, cells_of
from desk.web.stream import Subscription
from storage.engine import Database, DatabaseUnavailable
from tests import lives
from tests.desk_floor import NOW, RUNNABLE, XSS, Floor, at, floor_site
from tests.test_desk_stream import Reader
from ticketing.finding.breaches import AHEAD, BreachesAhead

SITE = floor_site()
ANA, BETO = SITE.agents['ana'], SITE.agents['beto']
FRESH, LOST = Link(True, NOW), Link(False, at(10, 32))
NO_BREACHES = BreachesAhead(0, dict.fromkeys(AHEAD, 0))


@pytest.fixture
def floor(db: Database, tmp_path: Path) -> Floor:
    return Floor(db, tmp_path)


def some_books(today: Mapping[str, CallFigures] | None = None, fresh: bool = True) -> Books:
    return Books(at(10, 30), fresh, today or {}, (), NO_BREACHES, 2, 1)


def of_calls(offered: int, in_time: int, in_progress: int = 0) -> CallFigures:
    over = offered - in_progress
    return CallFigures(offered, in_time, in_time, over - in_time, 0, {}, in_progress, None, None, None, promised=80 * over)


def cells(link: Link = FRESH, books: Books | None = None, board: Board = Board({}, {'acme': {}}), **presences: Presence) -> dict[str, str]:
    return {name: cell.text for name, cell in cells_of(board_state(SITE, board, Phones(), presences, books, link), SITE).items()}


# --- nothing is no zero -------------------------------------------------------------------------------------------------

LIVE_CELLS = ('waiting', 'q0-waiting', 'q0-longest', 'q0-agents', 'q1-waiting', 'a0-state', 'a1-state')
BOOK_CELLS = ('overdue', 'in30', 'in60', 'in120', 'faxes', 'faxes-decide', 'q0-level', 'q0-abandoned')


def test_a_lost_link_reads_as_no_data_since_when() -> None:
    told = cells(LOST, some_books())
    assert {told[name] for name in LIVE_CELLS} == {'sin datos desde 10:32'}
    assert told['faxes'] == '2' and told['q0-level'] == 'sin llamadas'
    assert cells(Link(False, None))['waiting'] == 'sin datos'


def test_books_that_do_not_answer_leave_what_they_said_with_its_time() -> None:
    told = cells(books=some_books({'acme': of_calls(6, 5)}, fresh=False))
    assert told['faxes'] == '2 · a las 10:30'
    assert told['q0-level'] == '83 % (5 de 6) · a las 10:30'
    assert told['waiting'] == '0'
    assert {cells()[name] for name in BOOK_CELLS} == {'sin datos'}


def test_no_calls_are_no_percent() -> None:
    assert cells(books=some_books())['q0-level'] == 'sin llamadas'
    assert cells(books=some_books({'acme': of_calls(2, 0, in_progress=2)}))['q0-level'] == 'en curso'
    assert cells(books=some_books({'acme': of_calls(4, 0)}))['q0-level'] == '0 % (0 de 4)'


def test_a_percent_is_cut_and_never_flatters() -> None:
    told = cells_of(board_state(SITE, Board(), Phones(), {}, some_books({'acme': of_calls(1000, 799)}), FRESH), SITE)
    assert (told['q0-level'].text, told['q0-level'].tone) == ('79 % (799 de 1000)', 'bad')


moments = st.integers(0, 86_399).map(lambda second: datetime(2026, 11, 24, tzinfo=UTC) + timedelta(seconds=second))
figures_ = st.builds(of_calls, st.integers(50, 99), st.integers(0, 40), st.integers(0, 10)) | st.just(NOTHING)
boards = st.builds(
    lambda callers, seats: Board({'acme': {str(n): Waiting(str(n), '5', since) for n, since in enumerate(callers)}}, {'acme': seats}),
    st.lists(moments, max_size=4),
    st.dictionaries(st.sampled_from([ANA.desk_phone, ANA.browser_phone, BETO.desk_phone]),
                    st.builds(Seat, st.just('x'), st.sampled_from(['free', 'ringing', 'in_call', 'busy', 'unreachable', 'unknown']),
                              st.booleans(), st.just('')), max_size=3))
presences_ = st.dictionaries(st.just('ana'), st.builds(
    Presence, st.just('ana'), st.sampled_from(['desk', 'browser']), st.sampled_from(['ready', 'paused', 'wrap_up', 'away']),
    st.sampled_from(['', 'comida']), moments))
books_ = st.none() | st.builds(
    Books, moments, st.booleans(), st.dictionaries(st.just('acme'), figures_), st.just(()),
    st.builds(BreachesAhead, st.integers(0, 9), st.fixed_dictionaries({span: st.integers(0, 9) for span in AHEAD})),
    st.integers(0, 9), st.integers(0, 9))


@settings(max_examples=300)
@given(boards, presences_, books_, st.builds(Link, st.booleans(), st.none() | moments))
def test_what_is_unknown_never_shows_a_figure(board: Board, presences: dict[str, Presence], books: Books | None, link: Link) -> None:
    state = board_state(SITE, board, Phones(), presences, books, link)
    told = cells_of(state, SITE)
    if not link.fresh:
        assert state.agents is None
        assert all(queue.waiting is None and queue.agents is None and queue.longest_since is None for queue in state.queues)
        for name in LIVE_CELLS:
            assert re.fullmatch(r'sin datos( desde \d\d:\d\d)?', told[name].text), name
            assert told[name].tone == 'stale' and told[name].since is None
    else:
        assert told['waiting'].text == str(len(board.waiting['acme']))
        assert len(state.agents or ()) == len(SITE.agents)
    for name in BOOK_CELLS:
        if books is None:
            assert (told[name].text, told[name].tone) == ('sin datos', 'stale'), name
        elif not books.fresh:
            assert re.fullmatch(r'.+ · a las \d\d:\d\d', told[name].text) and told[name].tone == 'stale', name
    if books and books.fresh and not books.today.get('acme', NOTHING).offered:
        assert '%' not in told['q0-level'].text
    assert json.loads(json.dumps(as_json(state, SITE)))['cells'].keys() == told.keys()


@given(boards, presences_, books_, st.builds(Link, st.booleans(), st.none() | moments))
def test_the_same_facts_make_the_same_state(board: Board, presences: dict[str, Presence], books: Books | None, link: Link) -> None:
    one, other = (as_json(board_state(SITE, board, Phones(), presences, books, link), SITE) for _ in range(2))
    assert one == other


# --- agents -------------------------------------------------------------------------------------------------------------

def chose(state: str, phone: str = 'desk', reason: str = '') -> dict[str, Presence]:
    return {'ana': Presence('ana', phone, state, reason, at(9, 50))}


def seat(state: str, paused: bool = False) -> Seat:
    return Seat('Ana', state, paused, '')


@pytest.mark.parametrize(('seats', 'presences', 'state'), [
    ({ANA.desk_phone: seat('in_call')}, chose('ready'), 'talking'),
    ({ANA.desk_phone: seat('in_call', paused=True)}, chose('paused'), 'talking'),
    ({ANA.desk_phone: seat('ringing')}, chose('ready'), 'ringing'),
    ({ANA.desk_phone: seat('free')}, chose('ready'), 'ready'),
    ({ANA.desk_phone: seat('free'), ANA.browser_phone: seat('unreachable', paused=True)}, chose('ready'), 'ready'),
    ({ANA.desk_phone: seat('free', paused=True), ANA.browser_phone: seat('unreachable')}, chose('ready', 'browser'), 'unreachable'),
    ({ANA.desk_phone: seat('free', paused=True)}, chose('wrap_up'), 'wrap_up'),
    ({ANA.desk_phone: seat('free', paused=True)}, chose('away'), 'away'),
    ({ANA.desk_phone: seat('free')}, {}, 'ready'),
    ({ANA.desk_phone: seat('free', paused=True)}, {}, 'paused'),
    ({ANA.desk_phone: seat('unreachable')}, {}, 'unreachable'),
    ({}, {}, 'away'),
])
def test_what_an_agent_does(seats: dict[str, Seat], presences: dict[str, Presence], state: str) -> None:
    ana, *_ = agents_of(SITE, Board({}, {'acme': seats}), presences, FRESH)
    assert ana.state == state
    assert ana.state in AGENT_STATES


def test_whom_a_supervisor_took_out_is_in_no_count() -> None:
    out = Seat('Ana', 'free', True, TAKEN_OUT)
    board = Board({}, {'acme': {ANA.desk_phone: out}, 'globex': {ANA.desk_phone: seat('free')}})
    told = cells(board=board, **chose('ready'))
    assert (told['a0-state'], told['q0-agents'], told['q1-agents']) == ('disponible', 'nadie en la cola', '1 disponible')


def test_a_call_that_came_by_no_queue_is_a_call_too() -> None:
    call = PhoneCall(ANA.desk_phone, 'x', 'u', 'l', 'talking', at(9, 58))
    ana, *_ = agents_of(SITE, Board({}, {'acme': {ANA.desk_phone: seat('free')}}), chose('ready'), FRESH, Phones({'u': call}))
    assert (ana.state, ana.since) == ('talking', at(9, 58))


def test_the_reason_of_a_pause_is_told() -> None:
    told = cells(board=Board({}, {'acme': {ANA.desk_phone: seat('free', paused=True)}}), **chose('paused', reason='comida'))
    assert told['a0-state'] == 'en pausa: comida'
    assert told['q0-agents'] == '1 en pausa'


# --- quarters -----------------------------------------------------------------------------------------------------------

def test_a_quarter_has_who_came_who_waited_at_once_and_who_was_answered() -> None:
    waits = [Wait(at(9, 1), at(9, 3), True), Wait(at(9, 2), at(9, 20), True), Wait(at(9, 14), None, False),
             Wait(at(9, 16), at(9, 17), False)]
    found = quarters(waits, at(0), at(9, 31))
    assert [(one.entered, one.peak, one.answered) for one in found] == [(3, 2, 1), (1, 3, 1), (0, 1, 0)]
    assert found[0].start == at(9)
    assert quarters([], at(0), at(9)) == ()


@given(st.lists(st.tuples(st.integers(0, 86_399), st.none() | st.integers(0, 4_000), st.booleans()), max_size=20), st.integers(1, 86_399))
def test_quarters_count_every_caller_once(spans: list[tuple[int, int | None, bool]], now_s: int) -> None:
    begin, now = at(0), at(0) + timedelta(seconds=now_s)
    waits = [Wait(begin + timedelta(seconds=since), None if long is None else begin + timedelta(seconds=since + long), answered)
             for since, long, answered in spans]
    found = quarters(waits, begin, now)
    assert sum(one.entered for one in found) == sum(wait.joined < now for wait in waits)
    assert sum(one.answered for one in found) == sum(
        wait.answered and wait.left is not None and wait.left < now and wait.joined < now for wait in waits)
    assert all(one.entered <= one.peak + one.entered and (one.start - begin) % QUARTER == timedelta() for one in found)
    assert [one.start for one in found] == sorted({one.start for one in found})


# --- the page -----------------------------------------------------------------------------------------------------------

def test_the_page_shows_the_board_without_any_script(floor: Floor) -> None:
    floor.paint([NOW - timedelta(seconds=133), NOW - timedelta(seconds=5)], {ANA.desk_phone: seat('free')})
    floor.called((at(9, 10), 5.0, True), (at(9, 20), 25.0, True), (at(9, 40), 60.0, False))
    page = floor.get('sara', '/tablero')
    assert page.status == 200
    assert (page.cell('waiting'), page.cell('q0-waiting'), page.cell('q0-longest')) == ('2', '2', '2:13')
    assert page.cell('q0-level') == '33 % (1 de 3)'
    assert page.cell('q0-abandoned') == '1 de 3'
    assert page.cell('q0-agents') == '1 disponible'
    assert page.cell('q1-level') == 'sin llamadas'
    assert re.search(r'<td class="number">09:00</td><td class="number">1</td>', page.html)
    assert 'style=' not in page.html


def test_yesterdays_calls_are_not_todays(floor: Floor) -> None:
    floor.paint()
    floor.called((at(9) - lives.DAY, 5.0, True), (at(0) - timedelta(seconds=1), 5.0, True))
    assert floor.get('sara', '/tablero').cell('q0-level') == 'sin llamadas'


def test_a_link_that_is_cut_shows_since_when(floor: Floor) -> None:
    floor.moment = at(10, 32)
    floor.paint([NOW])
    floor.cut()
    floor.moment = at(10, 40)
    page = floor.get('sara', '/tablero')
    assert page.cell('q0-waiting') == page.cell('a0-state') == 'sin datos desde 10:32'


def test_breaches_ahead_and_what_is_overdue(floor: Floor) -> None:
    floor.paint()
    floor.open()
    floor.now = floor.now + timedelta(hours=9, minutes=15)
    assert floor.get('sara', '/tablero').cell('in60') == '1'
    assert floor.get('sara', '/tablero').cell('in30') == '0'
    floor.now = floor.now + timedelta(hours=14)
    floor.moment = floor.moment + timedelta(seconds=5)
    assert floor.get('sara', '/tablero').cell('overdue') == '1'


def test_the_big_screen_has_no_menu_and_no_buttons(floor: Floor) -> None:
    floor.paint()
    page = floor.get('sara', '/tablero?pantalla=grande')
    assert 'class="big-screen"' in page.html
    assert 'Escuchar' not in page.text


def test_hostile_names_are_text(db: Database, tmp_path: Path) -> None:
    site = floor_site()
    hostile = lives.replace(site.agents['ana'], name=XSS)
    floor = Floor(db, tmp_path, lives.replace(site, name=XSS, agents=site.agents | {'ana': hostile},
                                              clients=site.clients | {'acme': lives.replace(site.clients['acme'], name=XSS)}))
    floor.paint()
    for path in ('/tablero', '/tablero?pantalla=grande', '/colas', '/lineas'):
        assert not RUNNABLE.search(floor.get('sara', path).html), path


# --- listening ----------------------------------------------------------------------------------------------------------

def test_listening_without_a_conversation_or_a_telephone_is_refused_in_words(floor: Floor) -> None:
    floor.paint()
    page = floor.post('sara', '/tablero/escuchar', login='ana', how='listen')
    assert page.status == 409
    assert 'no tiene ninguna conversación' in page.text
    assert floor.post('sara', '/tablero/escuchar', login='nadie').status == 409
    for who in ('ana', 'adela', 'elena'):
        assert floor.post(who, '/tablero/escuchar', login='ana').status == 403


def test_a_call_whose_caller_heard_no_notice_is_not_listened_to(floor: Floor) -> None:
    floor.paint()
    call = PhoneCall(ANA.desk_phone, f'{ANA.desk_phone}-00000001', 'u', 'unknown', 'talking', NOW)
    floor.live.phones = Phones({'u': call})
    page = floor.post('sara', '/tablero/escuchar', login='ana', how='whisper')
    assert page.status == 409
    assert 'no oyó el aviso de privacidad' in page.text
    assert not floor.accounts.audit(login='sara')


# --- the feed -----------------------------------------------------------------------------------------------------------

def a_reader(floor: Floor) -> Reader:
    reader = Reader()
    assert floor.hub.open(reader, Subscription(Person('sara', 'Sara', Role.SUPERVISOR), 't', ('board',)))
    return reader


def told(reader: Reader) -> list[Any]:
    return [state['cells']['waiting'][0] for state in reader.events('board')]


def test_changes_are_told_at_most_once_a_second_and_only_when_something_changed(floor: Floor) -> None:
    reader = a_reader(floor)
    floor.paint()
    floor.feed.look()
    floor.clock.advance(0)
    assert told(reader) == ['0']
    for many in range(1, 9):
        floor.paint([NOW] * many)
        floor.feed.hear()
        floor.clock.advance(BETWEEN_S / 10)
    assert len(told(reader)) == 1
    floor.clock.advance(BETWEEN_S)
    assert told(reader) == ['0', '8']
    for _ in range(3):
        floor.feed.hear()
        floor.clock.advance(LOOK_EVERY_S)
    assert told(reader) == ['0', '8']


def test_a_cut_is_told_though_nothing_else_is_heard(floor: Floor) -> None:
    reader = a_reader(floor)
    floor.paint([NOW])
    floor.feed.look()
    floor.clock.advance(0)
    floor.cut()
    floor.clock.advance(LOOK_EVERY_S)
    assert told(reader) == ['1', 'sin datos desde 10:00']


def test_whoever_comes_later_is_not_told_what_was(floor: Floor) -> None:
    first = a_reader(floor)
    floor.paint([NOW])
    floor.feed.look()
    floor.clock.advance(0)
    first.leave()
    floor.clock.advance(LOOK_EVERY_S)
    floor.paint()
    later = a_reader(floor)
    assert told(later) == []
    floor.feed.look()
    floor.clock.advance(0)
    assert told(later) == ['0']


def test_nobody_is_worked_for_when_nobody_looks(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    floor.feed.hear()
    floor.clock.advance(LOOK_EVERY_S)
    assert not floor.clock.getDelayedCalls()
    floor.feed.stop()
    floor.feed.hear()
    assert not floor.clock.getDelayedCalls()


def test_books_that_fail_keep_what_was_read_until_the_day_is_over(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    floor.called((at(9, 10), 5.0, True))
    first = floor.books()
    assert first is not None and first.fresh

    @contextmanager
    def down(patience_s: float | None = None) -> Any:
        raise DatabaseUnavailable('down')
        yield

    monkeypatch.setattr(floor.db, 'read', down)
    floor.moment += timedelta(minutes=3)
    later = floor.books()
    assert later is not None and not later.fresh and later.at == first.at and later.today == first.today
    assert floor.feed.state().books == later
    floor.moment += lives.DAY
    assert floor.books() is None
