"""Lists with pages: who sees which folios, pages without a seam, and plans without a full scan on either database."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.folio_loader import AGENTS, GROUPS, Past, load
from callcenter.folio_loader import NOW as LOADED
from storage.engine import Database
from tests.lives import NOW, Desk, client, site
from tests.test_ticketing_lists import hours, plan, put, statements
from ticketing.finding.keys import EPOCH, BadPage, Key, Page
from ticketing.finding.viewers import Viewer
from ticketing.finding.work_lists import Bounded, WorkLists, groups_of
from ticketing.lists import WorkItem
from ticketing.values import State

ANA, SARA = Viewer('ana'), Viewer('sara', all_complaints=True)
Listing = Callable[[int, str | None], Page[WorkItem]]


def numbers(page: Page[WorkItem]) -> list[str]:
    return [item.number for item in page.items]


def walked(listing: Listing, size: int) -> list[str]:
    """All numbers of a list, page by page; every page but the last is full."""
    found: list[str] = []
    after: str | None = None
    while True:
        page = listing(size, after)
        found += numbers(page)
        if page.after is None:
            return found
        assert len(page.items) == size
        after = page.after


def mixed(db: Database) -> list[str]:
    """Twelve open folios of ana in the order of a work list: equal promises, and four without any."""
    promised = [5, 1, None, 3, 3, None, 3, 2, None, 8, None, 1]
    mine = {'state': 'assigned', 'holder': 'agent', 'agent': 'ana'}
    made = [(hour is None, hour or 0, n, put(db, n, promised=None if hour is None else hours(hour), **mine))
            for n, hour in enumerate(promised)]
    return [number for _, _, _, number in sorted(made)]


# --- pages --------------------------------------------------------------------------------------------------------

def test_pages_of_every_size_have_no_seam(db: Database) -> None:
    expected, lists = mixed(db), WorkLists(db)
    put(db, 90, state='closed_verified', agent='ana')
    for size in range(1, 14):
        assert walked(lambda limit, after: lists.mine(ANA, limit, after), size) == expected
        assert walked(lambda limit, after: lists.all_open(ANA, None, limit, after), size) == expected
        assert walked(lambda limit, after: lists.breaching(ANA, hours(3), None, limit, after), size) == expected[:6]


def test_what_comes_and_goes_between_two_pages_moves_no_other(db: Database) -> None:
    lists, expected = WorkLists(db), mixed(db)
    first = lists.mine(ANA, 4)
    put(db, 50, state='assigned', agent='ana', promised=hours(0))          # before the first page
    put(db, 51, state='assigned', agent='ana', promised=hours(4))          # after it
    assert numbers(lists.mine(ANA, 50, first.after)) == [
        *expected[4:6], numbers(lists.breaching(ANA, hours(4)))[-1], *expected[6:]]


def test_newest_first_pages(db: Database) -> None:
    lists = WorkLists(db)
    made = [put(db, n, opened_at=hours(n // 3), state='closed_verified' if n % 2 else 'new', closed_at=hours(50 + n) if n % 2 else None)
            for n in range(10)]
    for size in range(1, 12):
        assert walked(lambda limit, after: lists.of_client(ANA, 'nopalera', None, False, limit, after), size) == made[::-1]
        assert walked(lambda limit, after: lists.closed(ANA, 'nopalera', limit, after), size) == made[::-2]
    assert numbers(lists.of_client(ANA, 'nopalera', State.CLOSED_VERIFIED)) == made[::-2]
    assert numbers(lists.of_client(ANA, 'nopalera', State.NEW)) == numbers(lists.of_client(ANA, 'nopalera', only_open=True)) == made[-2::-2]
    assert numbers(lists.of_client(ANA, 'quetzal')) == []


@given(st.one_of(st.none(), st.integers(0, 7 * 10**15).map(lambda us: EPOCH + timedelta(microseconds=us))), st.integers(0, 10**14))
def test_a_token_is_its_key(at: Any, folio_id: int) -> None:
    key = Key(at, folio_id)
    assert Key.read(key.token) == key and set(key.token) <= set('none0123456789-')


@pytest.mark.parametrize('token', ["' OR 1", 'none', '-5', '1-', '1-2-3', '9' * 30 + '-1', '１-２', 'null-1'])
def test_a_token_that_says_nothing_is_refused(db: Database, token: str) -> None:
    with pytest.raises(BadPage):
        WorkLists(db).mine(ANA, after=token)
    assert Key.read('') is None and Key.read(None) is None


# --- what stands in them ------------------------------------------------------------------------------------------

def test_groups_are_of_one_client_and_an_agents_own(db: Database) -> None:
    ours = put(db, 1, client='acme', state='assigned', holder='group', resolver_group='redes', promised=hours(3))
    taken = put(db, 2, client='acme', state='in_progress', holder='agent', agent='luis', resolver_group='redes', promised=None)
    theirs = put(db, 3, client='globex', state='assigned', holder='group', resolver_group='redes', promised=hours(2))
    put(db, 4, client='acme', state='assigned', holder='group', resolver_group='sap', promised=hours(1))
    put(db, 5, client='acme', state='closed_verified', resolver_group='redes')
    lists, groups = WorkLists(db), groups_of(site(), 'beto')
    assert groups == (('acme', 'redes'), ('globex', 'redes')) and groups_of(site(), 'ana') == ()
    for size in (1, 2, 50):
        assert walked(lambda limit, after: lists.of_groups(ANA, groups, limit, after), size) == [theirs, ours, taken]
    assert numbers(lists.of_groups(ANA, [('acme', 'redes')])) == [ours, taken] and lists.of_groups(ANA, ()).items == ()


def test_unassigned_and_breaching(db: Database) -> None:
    late = put(db, 1, promised=hours(-5))
    soon = put(db, 2, client='quetzal', promised=hours(1), state='assigned', holder='agent', agent='ana')
    later = put(db, 3, promised=hours(9))
    put(db, 4, promised=hours(-9), state='resolved')
    lists = WorkLists(db)
    assert numbers(lists.breaching(ANA, NOW + timedelta(hours=1))) == [late, soon]
    assert numbers(lists.breaching(ANA, hours(1), 'nopalera')) == [late]
    assert numbers(lists.unassigned(ANA)) == [late, later] and numbers(lists.unassigned(ANA, 'quetzal')) == []
    assert numbers(lists.all_open(ANA)) == [late, soon, later] and numbers(lists.all_open(ANA, 'quetzal')) == [soon]


def test_complaints_are_for_supervisors_and_who_holds_them_and_never_for_the_accused(db: Database) -> None:
    desk = Desk(db, site(agents=None, groups=client().groups))
    about = desk.open(kind='complaint', complained_of='sara')
    plain = desk.open()
    held = put(db, 1, client='acme', kind='complaint', state='assigned', holder='agent', agent='ana', complained_of=None)
    lists = WorkLists(db)
    seen: dict[str, list[str]] = {}
    for viewer in (Viewer('ana'), Viewer('beto'), Viewer('sara', all_complaints=True), Viewer('jefe', all_complaints=True),
                   Viewer('SARA ', all_complaints=True), Viewer('contacto', client='acme'), Viewer('otro', client='globex')):
        seen[viewer.login] = sorted(numbers(lists.all_open(viewer)))
        assert seen[viewer.login] == sorted(numbers(lists.of_client(viewer, 'acme'))) == sorted(
            number for number in (about, plain, held) if viewer.sees(desk.get(number)))
        assert int(str(lists.tabs(viewer, (), NOW).open)) == len(seen[viewer.login])
    everything = sorted([about, plain, held])
    assert seen['jefe'] == seen['contacto'] == everything and seen['otro'] == []
    assert seen['sara'] == seen['SARA '] == seen['ana'] == sorted([plain, held]) and seen['beto'] == [plain]


def test_tabs_count_to_a_bound(db: Database) -> None:
    for n in range(101):
        put(db, n, promised=hours(n))
    put(db, 200, state='in_progress', holder='agent', agent='ana', promised=hours(2), client='acme')
    put(db, 201, state='assigned', holder='group', resolver_group='redes', promised=None, client='acme')
    tabs = WorkLists(db).tabs(ANA, (('acme', 'redes'),), hours(2))
    assert tuple(map(str, (tabs.mine, tabs.groups, tabs.breaching, tabs.unassigned, tabs.open))) == ('1', '1', '4', '99+', '99+')
    assert WorkLists(db).tabs(Viewer('luis'), (), hours(-1)).mine == Bounded(0)


# --- how they are found -------------------------------------------------------------------------------------------

@pytest.fixture
def years(empty_url: str) -> Iterator[Database]:
    """Twenty thousand folios, as a bench's."""
    load(empty_url, Past.of(20_000, 400))
    database = Database(empty_url, patience_s=20.0)
    yield database
    database.close()


ASKED: dict[str, Callable[[WorkLists, str | None], Page[WorkItem]]] = {
    'mine': lambda lists, after: lists.mine(Viewer(AGENTS[0]), 5, after),
    'groups': lambda lists, after: lists.of_groups(ANA, [('quetzal', GROUPS[0]), ('agave', GROUPS[1])], 5, after),
    'breaching': lambda lists, after: lists.breaching(ANA, LOADED + timedelta(hours=1), None, 5, after),
    'breaching of a client': lambda lists, after: lists.breaching(ANA, LOADED + timedelta(days=9), 'quetzal', 5, after),
    'unassigned': lambda lists, after: lists.unassigned(ANA, None, 5, after),
    'unassigned of a client': lambda lists, after: lists.unassigned(ANA, 'quetzal', 5, after),
    'open': lambda lists, after: lists.all_open(ANA, None, 5, after),
    'open of a client': lambda lists, after: lists.all_open(ANA, 'quetzal', 5, after),
    'closed': lambda lists, after: lists.closed(ANA, 'quetzal', 5, after),
    'portal': lambda lists, after: lists.of_client(Viewer('c', client='quetzal'), 'quetzal', None, False, 5, after),
    'portal, open': lambda lists, after: lists.of_client(Viewer('c', client='quetzal'), 'quetzal', None, True, 5, after),
    'portal, waiting': lambda lists, after: lists.of_client(Viewer('c', client='quetzal'), 'quetzal', State.WAITING, False, 5, after),
    'portal, cancelled': lambda lists, after: lists.of_client(Viewer('c', client='quetzal'), 'quetzal', State.CANCELLED, False, 5, after),
}


def full_scan(told: str) -> bool:
    """Whether a plan reads a whole table; a whole index of open folios is none."""
    return 'Seq Scan on folios' in told or any(line.strip() in ('SCAN folios', 'SCAN folio_entries') for line in told.splitlines())


def test_no_list_and_no_page_reads_the_whole_table(years: Database) -> None:
    lists = WorkLists(years)
    with statements() as seen:
        for name, ask in ASKED.items():
            first = ask(lists, None)
            assert len(first.items) == 5 and first.after, name
            assert ask(lists, first.after).items, name
        lists.tabs(Viewer(AGENTS[0]), [('quetzal', GROUPS[0])], LOADED)
    asked = [one for one in seen if 'FROM folios' in one[0]]
    assert len(asked) >= 2 * len(ASKED)
    for statement, parameters in asked:
        told = plan(years, statement, parameters)
        assert 'folios_' in told and not full_scan(told), (statement, told)
