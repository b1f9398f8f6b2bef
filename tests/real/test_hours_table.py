"""The dialplan's table of open intervals against the engine that answers the phone, as the real Asterisk understands it (mission.md 3.7).

The dialplan itself walks through the table's fourteen days, by quarters of an hour (by minutes with --long) and at every limit in the
table and a second before it, and writes down when its answer changes.
"""
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

import pytest

from config.place import HOURS_FILE
from config.values import Override, Site
from ivr_flows.decide import decide
from ivr_flows.steps import Caller
from storage.engine import Database
from tests.real.disasters import until
from tests.real.instance import RealMesa
from tests.site_copies import edit
from ticketing.overrides import Overrides

DAYS = 14
BEYOND_S = 1800                                        # before and after the table
WALK_S = 90.0
MINUTE, QUARTER = 60, 900
OVERRIDDEN = '8005550204'

OVERRIDES = """
[[override]]
line = "8005550103"
state = "closed"
since = 2026-11-10T10:15:30
until = 2026-11-11T09:00:00
by = "Carla"

[[override]]
line = "8005550103"
state = "open"
since = 2026-11-14T22:00:00
until = 2026-11-15T01:30:01
by = "Carla"
"""


def three_zones(site: Path) -> None:
    """A line of each kind of calendar, and one with overrides to come."""
    edit(site, 'clients/quetzal.toml', 'modality = "standard"\ncalendar = "mx-5x12"', 'modality = "standard"\ncalendar = "tijuana-5x12"')
    with (site / 'overrides.toml').open('a') as file:
        file.write(OVERRIDES)


@pytest.fixture(scope='module')
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealMesa]:
    instance = RealMesa(tmp_path_factory.mktemp('ht'), three_zones, '2026-11-09T12:34:56')
    yield instance
    instance.stop()


@pytest.mark.parametrize('step', [QUARTER, pytest.param(MINUTE, marks=pytest.mark.long)], ids=['quarter', 'minute'])
@pytest.mark.parametrize('now', [
    pytest.param('2026-11-09T12:34:56', id='a holiday Monday, overrides'),
    pytest.param('2026-10-26T07:59:59', id='Tijuana leaves daylight saving time'),
    pytest.param('2027-03-05T18:20', id='Tijuana enters daylight saving time, a holiday Monday'),
])
def test_every_line_at_any_time(office: RealMesa, tmp_path: Path, now: str, step: int) -> None:
    office.clock(now)
    in_an_hour = datetime.fromisoformat(now) + timedelta(minutes=61, seconds=1)
    for words in (['--open'], ['--closed']):           # the later one wins; both end at odd times
        office.json('line', 'override', OVERRIDDEN, *words, '--until', f'{in_an_hour:%Y-%m-%d %H:%M:%S}')
        in_an_hour += timedelta(hours=20)
    site = office.instance.site()
    moment = office.instance.clock(site).now()
    overrides = stored_overrides(office, moment)
    assert len(overrides) >= 2
    tables = extensions((office.root / 'run' / HOURS_FILE).read_text())
    assert set(tables) == set(site.lines)
    alike = {text: line for line, text in tables.items()}
    assert 4 <= len(alike) <= 6
    told = walk(office, tmp_path, sorted(alike.values()), moment, step)
    for text, line in alike.items():
        wanted = {second: expected(site, line, overrides, moment, second) for second in (*moments(moment, step), *limits(text))}
        heard = told[line]
        assert {second: answer for second, answer in wanted.items() if heard(second) != answer} == {}, line


def test_a_table_covers_fourteen_days_to_the_second(office: RealMesa, tmp_path: Path) -> None:
    office.clock('2026-11-09T12:34:56')
    moment = office.instance.clock(office.instance.site()).now()
    first = int(moment.timestamp())
    heard = walk(office, tmp_path, ['+528005550101'], moment, QUARTER, (first - 1, first, first + DAYS * 86400 - 1, first + DAYS * 86400))
    assert [heard['+528005550101'](second) for second in (first - 1, first, first + DAYS * 86400 - 1, first + DAYS * 86400)] == [
        'stale', 'open', 'open', 'stale']


def moments(moment: datetime, step: int) -> range:
    """The whole steps from a little before the table to a little after it, in epoch seconds."""
    first = int(moment.timestamp()) // step * step
    return range(first - BEYOND_S, first + DAYS * 86400 + BEYOND_S, step)


def expected(site: Site, line: str, overrides: Sequence[Override], moment: datetime, second: int) -> str:
    """What the table should say: the engine's answer while it covers the time."""
    start = int(moment.timestamp())
    if not start <= second < start + DAYS * 86400:
        return 'stale'
    caller = Caller(site.lines[line], None, None, 'unknown')
    return 'open' if decide(site, caller, overrides, datetime.fromtimestamp(second, UTC)).open else 'closed'


def stored_overrides(mesa: RealMesa, moment: datetime) -> tuple[Override, ...]:
    """The overrides that `mesa line override` has stored."""
    with closing(Database(mesa.database_url, patience_s=20.0)) as database:
        return tuple(Overrides(database).current(moment))


def extensions(text: str) -> Mapping[str, str]:
    """The dialplan of each line, without the line's own number."""
    parts = re.split(r'^exten => (\+\d+),1,', text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def limits(text: str) -> list[int]:
    """Every epoch second that an extension compares with, and the second before it."""
    return sorted({int(second) + before for second in re.findall(r'[>=<] (\d{10})', text) for before in (-1, 0)})


class Heard:
    """What the dialplan answered, told by its changes."""

    def __init__(self, text: str) -> None:
        told = [line.split() for line in text.splitlines()[1:-1]]
        self._changes = [(int(second), answer) for kind, second, answer in told if kind == 'change']
        self._spots = {int(second): answer for kind, second, answer in told if kind == 'spot'}

    def __call__(self, second: int) -> str:
        return self._spots.get(second) or [answer for since, answer in self._changes if since <= second][-1]


def walk(mesa: RealMesa, folder: Path, lines: Sequence[str], moment: datetime, step: int, spots: Sequence[int] = ()) -> Mapping[str, Heard]:
    """Let the dialplan answer for each line: at every step, at every limit in its table and a second before it, and at `spots`."""
    hours = mesa.root / 'run' / HOURS_FILE
    table = hours.read_text()
    outputs = {line: folder / f'{line[1:]}.txt' for line in lines}
    own = {line: text for line, text in extensions(table).items() if line in lines}
    walkers = [walker(line, outputs[line], moments(moment, step), (*limits(text), *spots)) for line, text in own.items()]
    hours.write_text('\n'.join([table, '[test-hours]', *chain.from_iterable(walkers), '']))
    mesa.asterisk_cli('dialplan reload')
    hours.write_text(table)
    for line, output in outputs.items():
        output.write_text('begin\n')                   # Asterisk appends to a file that has a line
        mesa.asterisk_cli(f'channel originate Local/{line[1:]}@test-hours application Wait {WALK_S:.0f}')
    return {line: Heard(until(f'{line} is walked', lambda output=output: whole(output), WALK_S)) for line, output in outputs.items()}


def walker(line: str, output: Path, every: range, spots: Sequence[int]) -> Iterator[str]:
    """Dialplan that asks the table of a line and writes its answers to a file."""
    write = f'FILE({output},,,al)'
    yield f'exten => {line[1:]},1,Answer()'
    for second in spots:
        yield f' same => n,Set(MESA_EPOCH={second})'
        yield f' same => n,Gosub(mesa-hours,{line},1)'
        yield f' same => n,Set({write}=spot {second} ${{GOSUB_RETVAL}})'
    yield f' same => n,Set(MESA_EPOCH={every.start})'
    yield ' same => n,Set(LAST=)'
    yield f' same => n(next),Gosub(mesa-hours,{line},1)'
    yield f' same => n,ExecIf($["${{GOSUB_RETVAL}}"!="${{LAST}}"]?Set({write}=change ${{MESA_EPOCH}} ${{GOSUB_RETVAL}}))'
    yield ' same => n,Set(LAST=${GOSUB_RETVAL})'
    yield f' same => n,Set(MESA_EPOCH=$[${{MESA_EPOCH}} + {every.step}])'
    yield f' same => n,GotoIf($[${{MESA_EPOCH}} < {every.stop}]?next)'
    yield f' same => n,Set({write}=end)'


def whole(output: Path) -> str | None:
    """The file once the walk is at its end."""
    text = output.read_text()
    return text if text.endswith('\nend\n') else None
