"""What a folio costs when there are many: open, look up, work list and month counts at several totals, side by side.

The databases of one kind are measured in turn, operation by operation, so that whatever else the machine does troubles all of
them; what grows with the total then shows in the ratio between the largest and the smallest.
"""
from __future__ import annotations

import gc
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from statistics import median, quantiles
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from callcenter.console import Complaint
from callcenter.folio_loader import AGENTS, CLIENTS, GROUPS, LAST_MONTH, NOW, OPEN, Past, load
from callcenter.postgres_scratch import ScratchServer, scratch_server
from storage.engine import Database
from ticketing.folios import FolioBook
from ticketing.lists import FolioLists
from ticketing.numbers import number_for
from ticketing.opening import Receipt
from ticketing.tables import folio_entries, folios
from ticketing.values import Report

ROUNDS = 5
WARM_UP = 20
REPEATS: Mapping[str, int] = {'look up': 2_000, 'work list': 500, 'month counts': 20, 'open': 300}
MOST_P99_MS = {'look up': 5.0, 'work list': 20.0}      # at the largest total
MOST_RATIO = 1.5                                       # of the p99, largest to smallest total
BYTES_EACH = 3_000                                     # of disk for a folio, generously
PATIENCE_S = 30.0
ZONE = ZoneInfo('America/Mexico_City')
DURABLE = ('shared_buffers=128MB', 'max_wal_size=4GB')  # otherwise as PostgreSQL comes: every commit reaches the disk


@dataclass(frozen=True)
class Figure:
    """One operation at one total. Times are milliseconds; `round_p99_ms` is the median of the rounds' p99."""

    database: str
    total: int
    act: str
    count: int
    p50_ms: float
    p99_ms: float
    round_p99_ms: float


@dataclass(frozen=True)
class Verdict:
    """What one operation does between the smallest and the largest total: the ratio of the p99 (of rounds), and of the p50."""

    database: str
    act: str
    ratio: float
    p50_ratio: float
    p99_ms: float                                      # at the largest total
    goals: tuple[str, ...]                             # empty: nothing was promised

    @property
    def reached(self) -> bool:
        """Whether all that was promised is kept."""
        return not self.goals or (self.ratio <= MOST_RATIO and self.p99_ms <= MOST_P99_MS[self.act])


@dataclass(frozen=True)
class Target:
    """A filled database."""

    past: Past
    db: Database


@contextmanager
def filled(kind: str, totals: Sequence[int], folder: Path, still_open: int, tell: Callable[[str], None]) -> Iterator[list[Target]]:
    """Databases of one kind, filled; gone afterwards."""
    with ExitStack() as stack:
        server = _server(stack, folder) if kind == 'postgresql' else None
        targets = []
        for total in totals:
            url = server.create(f'mesa{total}') if server else f'sqlite:///{folder / f"mesa{total}.db"}'
            began, past = time.monotonic(), Past.of(total, still_open)
            load(url, past)
            tell(f'{kind}: {total} folios loaded in {time.monotonic() - began:.0f} s')
            db = Database(url, patience_s=PATIENCE_S)
            stack.callback(db.close)
            targets.append(Target(past, db))
        yield targets


def _server(stack: ExitStack, folder: Path) -> ScratchServer:
    try:
        return stack.enter_context(scratch_server(ScratchServer, DURABLE, folder))
    except RuntimeError as error:
        raise Complaint(f'{error}\nGive a folder that everybody may enter with --scratch, or measure --database sqlite alone.') from error


def run(kinds: Sequence[str], totals: Sequence[int], tell: Callable[[str], None], parent: Path | None = None,
        repeats: Mapping[str, int] | None = None) -> tuple[list[Figure], list[Verdict]]:
    """All figures, and what they say. Raises Complaint when there is no room or no PostgreSQL, or when a folio got lost."""
    figures: list[Figure] = []
    repeats = repeats or REPEATS
    still_open = min(OPEN, min(totals) // 5)           # the same at every total
    with tempfile.TemporaryDirectory(prefix='mesa-bench-', dir=parent) as name:
        folder = Path(name)
        folder.chmod(0o755)                            # the server of the other kind runs as somebody else
        need = sum(totals) * BYTES_EACH
        if shutil.disk_usage(folder).free < need:
            raise Complaint(f'The bench needs {need / 1e9:.1f} GB below {folder.parent}; choose another folder with --scratch.')
        for kind in kinds:
            with filled(kind, totals, folder, still_open, tell) as targets:
                figures += measure(kind, targets, repeats)
                for target in targets:
                    verify(target, WARM_UP + ROUNDS * _a_round(repeats['open']))
    return figures, verdicts(figures)


def measure(kind: str, targets: Sequence[Target], repeats: Mapping[str, int]) -> Iterator[Figure]:
    """Each operation at each total, in turn."""
    gc.collect()
    gc.freeze()                                        # what the loading left is not the operation's to look through
    for act, count in repeats.items():
        calls = [ACTS[act](target) for target in targets]
        for call in calls:
            _times([call], WARM_UP)
        rounds = [_times(calls, _a_round(count)) for _ in range(ROUNDS)]
        for target, samples in zip(targets, zip(*rounds, strict=True), strict=True):
            pooled = [one for each in samples for one in each]
            yield Figure(kind, target.past.total, act, len(pooled), _ms(median(pooled)), _ms(_p99(pooled)),
                         _ms(median(_p99(each) for each in samples)))
    gc.unfreeze()


def _a_round(count: int) -> int:
    return max(count // ROUNDS, 2)


def _times(calls: Sequence[Callable[[], object]], count: int) -> list[list[float]]:
    """Seconds of each call, one after the other, who begins changing from turn to turn."""
    times: list[list[float]] = [[] for _ in calls]
    for turn in range(count):
        for step in range(len(calls)):
            which = (turn + step) % len(calls)
            began = time.perf_counter()
            calls[which]()
            times[which].append(time.perf_counter() - began)
    return times


def _p99(samples: Sequence[float]) -> float:
    return quantiles(samples, n=100, method='inclusive')[98]


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def verdicts(figures: Sequence[Figure]) -> list[Verdict]:
    """The largest total beside the smallest, for each database and operation."""
    found = []
    for kind, act in dict.fromkeys((figure.database, figure.act) for figure in figures):
        own = sorted((f for f in figures if (f.database, f.act) == (kind, act)), key=lambda figure: figure.total)
        goals = (f'p99 at most {MOST_P99_MS[act]:g} ms', f'ratio at most {MOST_RATIO:g}') if act in MOST_P99_MS else ()
        first, last = own[0], own[-1]
        found.append(Verdict(kind, act, round(last.round_p99_ms / first.round_p99_ms, 2), round(last.p50_ms / first.p50_ms, 2),
                             last.p99_ms, goals))
    return found


def verify(target: Target, opened: int) -> None:
    """Nothing is lost or doubled: every folio has its own number and an opening. Raises Complaint."""
    with target.db.read() as connection:
        count, numbers, last = connection.execute(
            select(func.count(), func.count(folios.c.number.distinct()), func.max(folios.c.id))).one()
        begun = connection.scalar(select(func.count(folio_entries.c.folio_id.distinct())).where(folio_entries.c.kind == 'opened'))
    if not target.past.total + opened == count == numbers == last == begun:
        raise Complaint(f'{target.db.name}: {target.past.total} folios loaded, {opened} opened, but {count} are there, with {numbers} '
                        f'numbers and {begun} beginnings, the last {last}')


# -- the operations ------------------------------------------------------------------------------------------------

def _looking_up(target: Target) -> Callable[[], object]:
    book, dice = FolioBook(target.db), random.Random(1)

    def look_up() -> object:
        found = book.get(number_for(dice.randint(1, target.past.total)))
        assert found is not None
        return found
    return look_up


def _listing(target: Target) -> Callable[[], object]:
    lists = FolioLists(target.db)
    whose = cycle([*((agent, None, None) for agent in AGENTS), *((None, None, client) for client in CLIENTS),
                   *((None, group, client) for group in GROUPS for client in CLIENTS)])

    def work_list() -> object:
        agent, group, client = next(whose)
        items = lists.work_list(agent=agent, group=group, client=client)
        assert items
        return items
    return work_list


def _counting(target: Target) -> Callable[[], object]:
    lists, whose = FolioLists(target.db), cycle(CLIENTS)

    def month_counts() -> object:
        counts = lists.month_counts(next(whose), *LAST_MONTH, ZONE)
        assert counts.total
        return counts
    return month_counts


def _opening(target: Target) -> Callable[[], object]:
    book, numbers = FolioBook(target.db), iter(range(1, 1_000_000))

    def open_one() -> object:
        n = next(numbers)
        now = NOW + timedelta(seconds=n)
        return book.open(_report(n), now, Receipt('u@cliente.example', f'<bench-{n}@mesa.example>', now, {'zone': ZONE.key}, True))
    return open_one


def _report(n: int) -> Report:
    return Report(line='+528005550100', client=CLIENTS[n % len(CLIENTS)], modality='standard', clock_starts=NOW, rule='en horario',
                  call=f'bench-new-{n}', employee_number='10001', user_name='Usuario Número 10001', caller_number='+525550010001',
                  identified_by='caller_id', promised=NOW + timedelta(days=2), next_look=NOW + timedelta(days=1))


ACTS: Mapping[str, Callable[[Target], Callable[[], object]]] = {
    'look up': _looking_up, 'work list': _listing, 'month counts': _counting, 'open': _opening}
