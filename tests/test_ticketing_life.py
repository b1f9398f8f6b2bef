"""Every pair of state and move, on the database; then random lives with a hand-driven clock over nights, weekends and holidays."""
from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from config.values import Policy
from storage import migrate
from storage.engine import Database
from tests.lives import DAY, HOUR, MINUTE, NOW, Desk, agent, site
from ticketing.life import LIFE, after
from ticketing.values import OPEN_STATES, Folio, IllegalMove, Move, State, TicketingError

# How to reach each state from a new folio, and how to ask for each move.
PATHS: dict[State, tuple[Move, ...]] = {
    State.NEW: (), State.ASSIGNED: (Move.ASSIGN,), State.IN_PROGRESS: (Move.START,), State.WAITING: (Move.START, Move.WAIT),
    State.RESOLVED: (Move.RESOLVE,), State.CLOSED_VERIFIED: (Move.RESOLVE, Move.CONFIRM),
    State.CLOSED_UNVERIFIED: (Move.RESOLVE, Move.CLOSE), State.CANCELLED: (Move.CANCEL,)}
DEEDS: dict[Move, Callable[[Desk, str, datetime], Folio]] = {
    Move.ASSIGN: lambda desk, number, now: desk.life.assign(number, agent='ana', by='sara', now=now),
    Move.START: lambda desk, number, now: desk.life.start(number, by='ana', now=now),
    Move.WAIT: lambda desk, number, now: desk.life.wait(number, waiting_for='user', reason='falta un dato', by='ana', now=now),
    Move.RESUME: lambda desk, number, now: desk.life.resume(number, by='ana', now=now),
    Move.RESOLVE: lambda desk, number, now: desk.life.resolve(number, solution='se reinició', by='ana', now=now),
    Move.CONFIRM: lambda desk, number, now: desk.life.confirm(number, by='user', via='call', now=now),
    Move.CLOSE: lambda desk, number, now: desk.life.close(number, now=now),
    Move.REOPEN: lambda desk, number, now: desk.life.reopen(number, reason='sigue igual', by='user', via='call', now=now),
    Move.CANCEL: lambda desk, number, now: desk.life.cancel(number, reason='por error', by='ana', now=now),
    Move.PRIORITISE: lambda desk, number, now: desk.life.prioritise(
        number, impact='high', urgency='high', reason='todos', by='ana', now=now),
}
# Written by hand from mission.md 4.3, not read from the code.
LEGAL = {
    (State.NEW, Move.ASSIGN): State.ASSIGNED, (State.NEW, Move.START): State.IN_PROGRESS, (State.NEW, Move.RESOLVE): State.RESOLVED,
    (State.NEW, Move.CANCEL): State.CANCELLED, (State.NEW, Move.PRIORITISE): State.NEW,
    (State.ASSIGNED, Move.ASSIGN): State.ASSIGNED, (State.ASSIGNED, Move.START): State.IN_PROGRESS,
    (State.ASSIGNED, Move.WAIT): State.WAITING,
    (State.ASSIGNED, Move.RESOLVE): State.RESOLVED, (State.ASSIGNED, Move.CANCEL): State.CANCELLED,
    (State.ASSIGNED, Move.PRIORITISE): State.ASSIGNED,
    (State.IN_PROGRESS, Move.ASSIGN): State.ASSIGNED, (State.IN_PROGRESS, Move.WAIT): State.WAITING,
    (State.IN_PROGRESS, Move.RESOLVE): State.RESOLVED, (State.IN_PROGRESS, Move.CANCEL): State.CANCELLED,
    (State.IN_PROGRESS, Move.PRIORITISE): State.IN_PROGRESS,
    (State.WAITING, Move.ASSIGN): State.ASSIGNED, (State.WAITING, Move.RESUME): State.IN_PROGRESS,
    (State.WAITING, Move.RESOLVE): State.RESOLVED,
    (State.WAITING, Move.CANCEL): State.CANCELLED, (State.WAITING, Move.PRIORITISE): State.WAITING,
    (State.RESOLVED, Move.CONFIRM): State.CLOSED_VERIFIED, (State.RESOLVED, Move.CLOSE): State.CLOSED_UNVERIFIED,
    (State.RESOLVED, Move.REOPEN): State.ASSIGNED, (State.CLOSED_UNVERIFIED, Move.REOPEN): State.ASSIGNED,
}


def in_state(desk: Desk, state: State) -> str:
    """The number of a new folio brought to this state."""
    number = desk.open()
    for minute, move in enumerate(PATHS[state], 1):
        DEEDS[move](desk, number, NOW + minute * MINUTE)
    assert desk.get(number).state is state
    return number


def test_every_state_can_be_reached_and_every_move_asked_for() -> None:
    assert set(PATHS) == set(State)
    assert set(DEEDS) == set(Move) == set(LIFE)


@pytest.mark.parametrize(('state', 'move'), list(itertools.product(State, Move)))
def test_the_table_of_moves(state: State, move: Move) -> None:
    if (state, move) in LEGAL:
        assert after(state, move, '12345674') is LEGAL[state, move]
    else:
        with pytest.raises(IllegalMove, match=f'12345674 is {state}: {move} is not possible'):
            after(state, move, '12345674')


@pytest.mark.parametrize('state', State)
def test_on_the_database_exactly_the_legal_moves_pass(db: Database, state: State) -> None:
    desk = Desk(db)
    for move in Move:
        number = in_state(desk, state)
        before, timeline, letters = desk.get(number), desk.book.timeline(number), len(desk.letters())
        if (state, move) in LEGAL:
            reached = DEEDS[move](desk, number, NOW + HOUR)
            assert reached.state is LEGAL[state, move]
            assert reached == desk.get(number)
            assert reached.version == before.version + 1
            assert desk.changes(number)[-1].move is move
            assert len(desk.book.timeline(number)) > len(timeline)
        else:
            with pytest.raises(IllegalMove, match=f'{number} is {state}: {move} is not possible'):
                DEEDS[move](desk, number, NOW + HOUR)
            assert (desk.get(number), desk.book.timeline(number), len(desk.letters())) == (before, timeline, letters)


# --- random lives ----------------------------------------------------------------------------------------------------

# Over a weekend, the holidays of 2026-12-25 (Friday) and 2027-01-01, seconds before and after opening and closing, and nothing at all.
STEPS = st.sampled_from([
    timedelta(0), timedelta(seconds=1), timedelta(seconds=59), 17 * MINUTE, HOUR, 3 * HOUR + timedelta(milliseconds=300), 12 * HOUR, DAY,
    3 * DAY, 30 * DAY])
BACK = st.sampled_from([timedelta(seconds=1), HOUR])   # a clock that was set back: demos
BEGIN = datetime.fromisoformat('2026-12-23T19:59:00-06:00')


class Lives(RuleBasedStateMachine):
    """Some folios, whatever may happen to them, and time that passes between."""

    folios = Bundle('folios')

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(TEMPLATE[0], self.folder / 'mesa.db')
        self.db = Database(f'sqlite:///{self.folder}/mesa.db', patience_s=20.0)
        self.desk = Desk(self.db)
        self.now = BEGIN
        self.seen: dict[str, tuple[tuple[object, ...], int, datetime]] = {}

    def teardown(self) -> None:
        self.db.close()
        shutil.rmtree(self.folder)

    @initialize(target=folios)
    def first(self) -> str:
        return self.desk.open(self.now)

    @precondition(lambda self: len(self.seen) < 3)
    @rule(target=folios)
    def open(self) -> str:
        return self.desk.open(self.now)

    @rule(step=STEPS)
    def time_passes(self, step: timedelta) -> None:
        self.now += step

    @rule(step=BACK)
    def clock_is_set_back(self, step: timedelta) -> None:
        self.now -= step

    @rule(number=folios, move=st.sampled_from(Move))
    def move(self, number: str, move: Move) -> None:
        state = self.desk.get(number).state
        legal = (state, move) in LEGAL
        try:
            reached = DEEDS[move](self.desk, number, self.now)
        except IllegalMove:
            assert not legal, f'{move} from {state} was refused'
        except TicketingError:
            assert move is Move.REOPEN and state is State.CLOSED_UNVERIFIED        # too late
        else:
            assert legal, f'{move} from {state} passed'
            assert reached.state is LEGAL[state, move]

    @rule(number=folios, impact=st.sampled_from(['low', 'medium', 'high']), urgency=st.sampled_from(['low', 'high']))
    def prioritise(self, number: str, impact: str, urgency: str) -> None:
        if self.desk.get(number).state in OPEN_STATES:
            self.desk.life.prioritise(number, impact=impact, urgency=urgency, reason='cambió', by='ana', now=self.now)

    @rule(number=folios)
    def hand_over(self, number: str) -> None:
        if self.desk.get(number).state in OPEN_STATES:
            self.desk.life.assign(number, group='redes', by='ana', now=self.now)
            self.desk.life.acknowledge(number, by='beto', now=self.now)

    @rule(number=folios, into=folios)
    def merge(self, number: str, into: str) -> None:
        try:
            self.desk.life.merge(number, into, by='ana', now=self.now)
        except TicketingError:
            return
        assert self.desk.get(number).duplicate_of != number

    @rule(number=folios)
    def tell(self, number: str) -> None:
        if self.desk.get(number).state in OPEN_STATES:
            self.desk.life.update(number, text='seguimos', by='ana', now=self.now)

    @rule(resolve_medium=st.sampled_from([1, 10]))
    def contract_changes(self, resolve_medium: int) -> None:
        self.desk.site = site(Policy(resolve_medium_hours=resolve_medium), agents=(agent('ana'), agent('beto'), agent('sara', True)))

    @invariant()
    def every_life_holds_together(self) -> None:
        for folio in self.desk.book.list():
            self.holds_together(folio)

    def holds_together(self, folio: Folio) -> None:
        timeline: tuple[object, ...] = self.desk.book.timeline(folio.number)
        clock = self.desk.clock(folio.number, self.now)
        changes = self.desk.changes(folio.number)
        present = max(self.now, folio.opened_at, changes[-1].at if changes else self.now).replace(microsecond=0)
        earlier, used, at = self.seen.get(folio.number, ((), 0, self.now))
        assert timeline[:len(earlier)] == earlier, 'the timeline only grows'
        assert clock.used_s >= 0 and clock.paused_s >= 0
        assert clock.used_s >= used or self.now < at, 'what was used is not given back while time goes on'
        assert sum(one.seconds for one in clock.intervals) == (present - folio.opened_at.replace(microsecond=0)).total_seconds()
        assert all(one.until == other.since for one, other in itertools.pairwise(clock.intervals))
        assert [change.at for change in changes] == sorted(change.at for change in changes)
        assert [change.from_state for change in changes] == [State.NEW, *(change.to_state for change in changes)][:len(changes)]
        assert (changes[-1].to_state if changes else State.NEW) is folio.state
        if folio.state not in OPEN_STATES or folio.state is State.WAITING:
            assert folio.promised is None
        assert (folio.waiting_for is not None) == (folio.state is State.WAITING)
        self.seen[folio.number] = (timeline, clock.used_s, max(at, self.now))


TEMPLATE: list[Path] = []


def test_random_lives_hold_together(tmp_path: Path) -> None:
    migrate.upgrade(f'sqlite:///{tmp_path}/template.db')
    TEMPLATE[:] = [tmp_path / 'template.db']
    run_state_machine_as_test(Lives, settings=settings(
        max_examples=50, stateful_step_count=30, deadline=None, database=None, suppress_health_check=list(HealthCheck)))
