"""What the lists and the search of the desk cost over many folios: each page that people ask for, again and again, on one database."""
from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from statistics import median, quantiles

from callcenter.bench_folios import BYTES_EACH, DURABLE, PATIENCE_S
from callcenter.console import Complaint
from callcenter.folio_loader import (
    AGENTS,
    CLIENTS,
    FAMILIES,
    GROUPS,
    NAMES,
    NOW,
    OPEN,
    PLACES,
    THINGS,
    TROUBLES,
    Past,
    load,
    name_of,
    summary_of,
)
from callcenter.postgres_scratch import ScratchServer, scratch_server
from storage.engine import Database
from ticketing.finding.keys import Key
from ticketing.finding.search import Search
from ticketing.finding.viewers import Viewer
from ticketing.finding.work_lists import WorkLists
from ticketing.numbers import number_for
from ticketing.values import State

MOST_P95_MS = 50.0
WARM_UP = 10
REPEATS = 200
SEARCHED_BYTES_EACH = 2 * BYTES_EACH
SUPERVISOR = Viewer('supervisor', all_complaints=True)
Ask = Callable[[], int]


@dataclass(frozen=True)
class ListFigure:
    """One list or search. Times are milliseconds; `items`: how many stood on a page, at the median."""

    database: str
    total: int
    act: str
    count: int
    items: int
    p50_ms: float
    p95_ms: float

    @property
    def reached(self) -> bool:
        """Whether 19 of 20 came in time."""
        return self.p95_ms <= MOST_P95_MS


@dataclass(frozen=True)
class Desk:
    """A filled database and what asks it."""

    past: Past
    lists: WorkLists
    search: Search


def run(kind: str, total: int, tell: Callable[[str], None], parent: Path | None = None, repeats: int = REPEATS) -> list[ListFigure]:
    """All figures of one kind of database. Raises Complaint when there is no room or no PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix='mesa-bench-', dir=parent) as name:
        folder = Path(name)
        folder.chmod(0o755)                            # PostgreSQL runs as somebody else
        need = total * SEARCHED_BYTES_EACH
        if shutil.disk_usage(folder).free < need:
            raise Complaint(f'The bench needs {need / 1e9:.1f} GB below {folder.parent}; choose another folder with --scratch.')
        if kind == 'sqlite':
            return list(_measured(kind, f'sqlite:///{folder / "mesa.db"}', total, tell, repeats))
        try:
            with scratch_server(ScratchServer, DURABLE, folder) as server:
                return list(_measured(kind, server.url, total, tell, repeats))
        except RuntimeError as error:
            raise Complaint(f'{error}\nGive a folder that everybody may enter with --scratch, or measure --database sqlite.') from error


def _measured(kind: str, url: str, total: int, tell: Callable[[str], None], repeats: int) -> Iterator[ListFigure]:
    began, past = time.monotonic(), Past.of(total, min(OPEN, total // 5))
    load(url, past, search=True, tell=lambda table: tell(f'{kind}: {time.monotonic() - began:.0f} s, filling {table}'))
    tell(f'{kind}: {total} folios loaded in {time.monotonic() - began:.0f} s')
    db = Database(url, patience_s=PATIENCE_S)
    try:
        desk = Desk(past, WorkLists(db), Search(db))
        for act, asks in acts(desk).items():
            yield _figure(kind, total, act, asks, repeats)
            tell(f'{kind}: {act} measured')
    finally:
        db.close()


def _figure(kind: str, total: int, act: str, asks: Sequence[Ask], repeats: int) -> ListFigure:
    turns = cycle(asks)
    for _ in range(WARM_UP):
        next(turns)()
    times: list[float] = []
    items: list[int] = []
    for _ in range(repeats):
        began = time.perf_counter()
        items.append(next(turns)())
        times.append((time.perf_counter() - began) * 1000)
    return ListFigure(kind, total, act, repeats, int(median(items)), round(median(times), 2),
                      round(quantiles(times, n=20, method='inclusive')[18], 2))


def acts(desk: Desk) -> Mapping[str, Sequence[Ask]]:
    """What people ask for, each in several variants that take turns."""
    return {**_lists(desk.lists), **_searches(desk.search, desk.past)}


def _lists(lists: WorkLists) -> Mapping[str, Sequence[Ask]]:
    agents = [Viewer(agent) for agent in AGENTS]
    contacts = [Viewer('contacto', client=client) for client in CLIENTS]
    groups = [(client, group) for client in CLIENTS for group in GROUPS]
    soon, tenth = NOW + timedelta(hours=1), _tenth_page(lists)
    return {
        'mine': [lambda v=v: len(lists.mine(v).items) for v in agents],
        'of my groups': [lambda v=v: len(lists.of_groups(v, groups).items) for v in agents],
        'breaching soon': [lambda v=v: len(lists.breaching(v, soon).items) for v in (*agents, SUPERVISOR)],
        'unassigned': [lambda v=v: len(lists.unassigned(v).items) for v in agents],
        'all open': [lambda: len(lists.all_open(SUPERVISOR).items)],
        'all open, page 10': [lambda: len(lists.all_open(SUPERVISOR, after=tenth).items)],
        'closed': [lambda c=c: len(lists.closed(SUPERVISOR, c).items) for c in CLIENTS],
        'portal': [lambda v=v: len(lists.of_client(v, v.client or '').items) for v in contacts],
        'portal, one state': [lambda v=v, s=s: len(lists.of_client(v, v.client or '', s).items) for v in contacts for s in State],
        'portal, far back': [lambda v=v, t=t: len(lists.of_client(v, v.client or '', after=t).items) for v in contacts
                             for t in (_long_ago(2), _long_ago(30))],
        'tabs': [lambda v=v: lists.tabs(v, groups, soon).open.many for v in agents],
    }


def _searches(search: Search, past: Past) -> Mapping[str, Sequence[Ask]]:
    places = range(1, past.total + 1, max(1, past.total // 20))
    tags = [summary_of(n).rpartition(' ')[2] for n in places]
    people = [name_of(10_001 + n * 7 % 997) for n in range(20)]
    asked = {
        'search, a common word': [*NAMES, *(thing.rpartition(' ')[2] for thing in THINGS), 'no'],
        'search, two words': [f'{thing} {place}' for thing, place in zip(THINGS, PLACES, strict=False)],
        'search, four words': [f'{trouble} {thing} {place} {family}' for trouble, thing, place, family in zip(
            TROUBLES, THINGS, PLACES, FAMILIES, strict=False)],
        'search, a person': people,
        'search, a machine': tags,
        'search, nothing there': ['inexistente', 'impresora inexistente', 'xyz'],
        'search, never together': ['apaga bloqueo', 'correo monitor', 'responde lento', 'oaxaca puebla'],
        'search, a number': [number_for(n) for n in places],
    }
    viewers = (Viewer(AGENTS[0]), SUPERVISOR, Viewer('contacto', client=CLIENTS[0]))
    return {act: [lambda w=w, v=v: len(search.search(w, v).page.items) for w in words for v in viewers] for act, words in asked.items()}


def _tenth_page(lists: WorkLists) -> str | None:
    """Where the tenth page of the open folios begins; the last one, when there are fewer."""
    after: str | None = None
    for _ in range(9):
        after = lists.all_open(SUPERVISOR, after=after).after or after
    return after


def _long_ago(months: int) -> str:
    return Key(NOW - timedelta(days=30 * months), 0).token
