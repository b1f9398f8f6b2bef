"""What watches open folios as people meet it: the clock in words, the duties, `mesa escalation` and `mesa problem`."""
from __future__ import annotations

import re
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from callcenter.explain import MOST_LINES, clock_facts, explain_lines
from callcenter.instance import Instance
from callcenter.watching import AGAIN_S, Reckoning, escalate, find_problems
from config.values import Policy
from storage.engine import Database, DatabaseUnavailable
from tests.small_site import SITE, a_site, at, open_folio, rows
from tests.test_callcenter_commands import Mesa, before, mesa
from ticketing.folios import FolioBook
from ticketing.levels.escalation import Escalator
from ticketing.levels.timing import timed
from ticketing.opening_facts import with_terms
from ticketing.problems import Problems
from ticketing.tables import folios
from ticketing.values import Change, Folio, Move, Report, State

__all__ = ['before', 'mesa']
LINE = '+528005550101'
MORNING = at('2026-11-24 08:00')


# -- the clock in words ------------------------------------------------------------------------------------------------

def a_life(now: datetime, *changes: Change) -> tuple[Folio, Any]:
    report = with_terms(Report(line=LINE, client='quetzal', modality='standard', clock_starts=MORNING, rule=''), SITE, MORNING)
    folio = Folio('22857141', report, changes[-1].to_state if changes else State.NEW, MORNING)
    return folio, timed(1, folio, changes, frozenset(), SITE, now).clock


PAUSE = Change(at('2026-11-24 19:00'), Move.WAIT, State.IN_PROGRESS, State.WAITING, 'medium', 'user', 'ana', 'falta la \x1b[31mfoto')


def test_the_lines_name_every_interval_and_sum_to_the_second() -> None:
    lines = explain_lines(*a_life(at('2026-11-25 09:00:30'), PAUSE), SITE.zone)
    assert lines == [
        'folio 22857141, waiting, priority medium (America/Mexico_City)', '',
        '  Tue 2026-11-24 08:00:00 - Tue 2026-11-24 19:00:00     11:00:00  running  new',
        '  Tue 2026-11-24 19:00:00 - Tue 2026-11-24 20:00:00      1:00:00  paused   waiting for user: falta la  [31mfoto',
        '  Tue 2026-11-24 20:00:00 - Wed 2026-11-25 08:00:00     12:00:00  closed   night',
        '  Wed 2026-11-25 08:00:00 - Wed 2026-11-25 09:00:30      1:00:30  paused   waiting for user: falta la  [31mfoto', '',
        '  running     11:00:00       39600 s', '  paused       2:00:30        7230 s', '  closed      12:00:00       43200 s',
        '  in all      25:00:30       90030 s', '',
        '  respond by Tue 2026-11-24 09:00:00', '  nothing is promised as it stands', '  next look Tue 2026-11-24 09:00:00']


def test_a_long_life_is_shortened_unless_all_is_asked_for() -> None:
    folio, clock = a_life(MORNING + timedelta(days=700))
    lines, whole = explain_lines(folio, clock, SITE.zone), explain_lines(folio, clock, SITE.zone, whole=True)
    assert f'  ... {len(clock.intervals) - MOST_LINES} more; --whole shows them' in lines
    assert len(whole) - len(lines) == len(clock.intervals) - MOST_LINES - 1
    assert lines[-7:] == whole[-7:]
    assert sum(len(re.findall(r'closed|running', line)) for line in whole) == len(clock.intervals) + 2


def test_a_script_gets_the_same_in_seconds() -> None:
    facts = clock_facts(a_life(at('2026-11-25 09:00:30'), PAUSE)[1])
    assert (facts['used_s'], facts['paused_s'], facts['total_s']) == (39_600, 7_230, 90_030)
    assert facts['seconds'] == {'before': 0, 'running': 39_600, 'paused': 7_230, 'closed': 43_200, 'stopped': 0}
    assert sum(one['seconds'] for one in facts['intervals']) == facts['total_s']
    assert facts['intervals'][0] == {'kind': 'running', 'since': '2026-11-24T14:00:00+00:00', 'until': '2026-11-25T01:00:00+00:00',
                                     'seconds': 39_600, 'reason': 'new'}
    assert (facts['respond_due'], facts['resolve_due']) == ('2026-11-24T15:00:00+00:00', None)


# -- duties ---------------------------------------------------------------------------------------------------------------

class Standing:
    """The site in force, and by which apply."""

    def __init__(self) -> None:
        self.generation = '1'
        self.site = SITE

    def __call__(self) -> Any:
        return SimpleNamespace(site=self.site)


def promised(db: Database) -> list[datetime]:
    return [row.promised for row in rows(db, folios, 'promised')]


def test_due_times_are_reckoned_at_the_start_after_an_apply_and_now_and_then(db: Database) -> None:
    standing, seconds = Standing(), [0.0]
    reckoning = Reckoning(db, standing, lambda: MORNING, lambda: seconds[0])
    open_folio(db, MORNING, a_site(policy=Policy(resolve_medium_hours=1)))            # stored by a contract of before
    assert reckoning.round() == 1
    assert promised(db) == [at('2026-11-24 18:00')]
    open_folio(db, MORNING, a_site(policy=Policy(resolve_medium_hours=1)))            # a command that was slower than an apply
    assert reckoning.round() == 0
    seconds[0] += AGAIN_S
    assert reckoning.round() == 1
    standing.generation, standing.site = '2', a_site(policy=Policy(resolve_medium_hours=2))
    assert (reckoning.round(), reckoning.round()) == (2, 0)
    assert promised(db) == [at('2026-11-24 10:00')] * 2


def test_a_reckoning_that_fails_is_made_again(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object) -> int:
        raise DatabaseUnavailable('down')
    open_folio(db, MORNING, a_site(policy=Policy(resolve_medium_hours=1)))
    reckoning = Reckoning(db, Standing(), lambda: MORNING)
    with monkeypatch.context() as broken, pytest.raises(DatabaseUnavailable):
        broken.setattr('callcenter.watching.recompute_open', down)
        reckoning.round()
    assert reckoning.round() == 1


def test_the_duties_go_by_mesa_s_clock_and_the_site_in_force(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level('INFO')
    for n in range(5):
        open_folio(db, MORNING + timedelta(minutes=n), category='correo')
    serving = SimpleNamespace(db=db, standing=Standing(), clock=SimpleNamespace(now=lambda: at('2026-11-24 09:30')))
    assert (escalate(serving)(), find_problems(serving)()) == (5, 1)
    assert [record.message for record in caplog.records] == ['5 escalation steps told', '1 problems proposed or joined']


# -- commands ----------------------------------------------------------------------------------------------------------------

@pytest.fixture
def late(mesa: Mesa) -> list[str]:
    """Numbers of five similar folios of which nobody has taken care for two hours; the first was escalated."""
    instance = Instance.open(mesa.root)
    site, database = instance.site(), Database(instance.database_url)
    opened = at('2026-11-24 08:00')
    report = Report(line=LINE, client='nopalera', modality='standard', clock_starts=opened, rule='', category='mail',
                    user_name='María \x1b[2JRíos', user_email='maria@nopalera.example')
    book = FolioBook(database)
    numbers = [book.open(with_terms(report, site, opened), opened).number]
    Escalator(database, lambda: site).round(at('2026-11-24 09:00'))
    numbers += [book.open(with_terms(report, site, opened), opened).number for _ in range(4)]
    Problems(database, lambda: site).round(at('2026-11-24 09:00'))
    database.close()
    return numbers


def test_escalations_are_listed_and_acknowledged(mesa: Mesa, late: list[str]) -> None:
    [one] = mesa('escalation', 'list', '--json').json
    assert (one['number'], one['step'], one['due_at'], one['acknowledged_by']) == (late[0], 'respond', '2026-11-24T15:00:00+00:00', None)
    assert f'{late[0]}  respond     2026-11-24 09:00:00' in mesa('escalation', 'list').out
    assert mesa('escalation', 'ack', late[0], '--by', 'carla').out == f'Folio {late[0]}: respond acknowledged by carla.\n'
    assert mesa('escalation', 'ack', late[0]).out == f'Folio {late[0]}: all of it was acknowledged before.\n'
    assert mesa('escalation', 'list').out == 'No escalation waits for somebody.\n'
    assert mesa('escalation', 'list', late[0], '--json').json[0]['acknowledged_by'] == 'carla'
    assert mesa('escalation', 'list', '--all', '--json').json[0]['acknowledged_at'] == '2026-11-24T16:00:00+00:00'


def test_an_escalation_that_is_not_there_is_told_so(mesa: Mesa, late: list[str]) -> None:
    nothing = mesa('escalation', 'ack', late[1])
    assert (nothing.code, nothing.err) == (1, f'mesa: folio {late[1]} has no escalation: nothing was escalated\n')
    assert 'there are: respond' in mesa('escalation', 'ack', late[0], '--step', '80 %').err
    assert 'No folio has the number 12' in mesa('escalation', 'ack', '12').err


def test_a_problem_goes_its_way_by_commands(mesa: Mesa, late: list[str]) -> None:
    [one] = mesa('problem', 'list', '--json').json
    assert (one['state'], one['title'], one['numbers']) == ('proposed', 'Correo electrónico', late)
    shown = mesa('problem', 'show', '1').out
    assert all(number in shown for number in late)
    assert 'María  [2JRíos' in shown
    assert mesa('problem', 'show', '1', '--json').json['folios'][0]['user_email'] == 'maria@nopalera.example'
    early = mesa('problem', 'progress', '1', 'Se reinició.')
    assert (early.code, early.err) == (1, 'mesa: problem 1 is proposed: progress is not possible now (possible: confirm, reject)\n')
    assert mesa('problem', 'confirm', '1', '--by', 'carla').out == 'Problem 1 is confirmed: Correo electrónico, 5 folios.\n'
    assert mesa('problem', 'progress', '1', 'Se reinició.', '--json').json['state'] == 'confirmed'
    assert mesa('problem', 'solve', '1', '--text', 'Ya quedó.').code == 0
    assert mesa('problem', 'list', '--state', 'proposed').out == 'No problem matches.\n'
    assert mesa('problem', 'list').out.splitlines()[1].split()[:5] == ['1', '2026-11-24', '09:00', 'nopalera', 'solved']


def test_a_problem_is_rejected_with_a_reason(mesa: Mesa, late: list[str]) -> None:
    assert mesa('problem', 'reject', '1').code == 2
    assert mesa('problem', 'reject', '1', '--reason', 'cinco cosas distintas', '--json').json['numbers'] == []
    assert mesa('problem', 'show', '2').err == 'mesa: there is no problem 2 (the newest is 1)\n'


def test_before_anything_happened_the_lists_say_so(mesa: Mesa) -> None:
    assert mesa('problem', 'list').out == 'No problems yet.\n'
    assert mesa('escalation', 'list', '--all').out == 'Nothing was escalated.\n'
