"""The loader of months: what it stores is as if it had been lived, and its statistics add up whichever way they are asked for."""
from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from sqlalchemy import func, select

from ami_listener.tables import call_legs, calls
from callcenter.contract_loader import load
from config.load import load as load_site
from contracts.intervals import days, months
from contracts.months import Month
from contracts.statistics import by_category, by_interval, by_queue, statistics
from contracts.statistics_facts import read_facts, whose
from contracts.statistics_figures import FIGURES
from fax.tables import faxes
from storage.engine import Database
from storage.tables import metadata
from tests import lives
from tests.site_copies import EXAMPLE
from tests.test_contracts_statistics import assert_adds_up, of_calls
from ticketing.damm import is_valid
from ticketing.folios import FolioBook
from ticketing.levels.timing import read_timed
from ticketing.life import LIFE
from ticketing.tables import close_calls, folio_changes, folios, outbound_calls
from ticketing.values import Move, State

SITE = load_site(EXAMPLE)
FIRST = Month(2026, 9)
SMALL: dict[str, Any] = {'first': FIRST, 'months': 2, 'calls': 600, 'folios': 150}


def stored(db: Database) -> dict[str, list[tuple[Any, ...]]]:
    with db.read() as connection:
        return {name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
                for name, table in metadata.tables.items()}


def test_the_same_seed_gives_the_same_books(db: Database, migrated_file: Any, tmp_path: Any) -> None:
    told: list[str] = []
    loaded = load(db, SITE, seed=7, told=told.append, **SMALL)
    books = stored(db)
    assert {name: count for name, count in loaded.counts.items() if count} == {
        name: len(rows) for name, rows in books.items() if rows and name not in ('counters', 'search_todo')}
    assert (loaded.counts['calls'], loaded.counts['folios']) == (600, 150) and told
    other = tmp_path / 'other.db'
    other.write_bytes(migrated_file.read_bytes())
    again = Database(f'sqlite:///{other}', patience_s=20.0)
    load(again, SITE, seed=7, **SMALL)
    with db.read() as here, again.read() as there:
        for table in (calls, folios, folio_changes):
            wanted = select(*[column for column in table.c if column.name != 'id']).order_by(*table.primary_key.columns)
            assert [tuple(row) for row in here.execute(wanted)] == [tuple(row) for row in there.execute(wanted)]
    again.close()


def test_what_is_loaded_belongs_together(db: Database) -> None:
    load(db, SITE, **SMALL)
    since, until = FIRST.span(SITE.zone)[0], FIRST.plus(1).span(SITE.zone)[1]
    with db.read() as connection:
        rows = connection.execute(select(folios).order_by(folios.c.id)).all()
        changes: dict[int, list[Any]] = {row.id: [] for row in rows}
        for change in connection.execute(select(folio_changes).order_by(folio_changes.c.id)):
            changes[change.folio_id].append(change)
        timed = read_timed(connection, [row.id for row in rows], SITE, until)
        asked = Counter(connection.scalars(select(close_calls.c.folio_id)))
        unknown = connection.scalar(select(func.count()).select_from(outbound_calls.outerjoin(
            calls, calls.c.linkedid == outbound_calls.c.linkedid)).where(calls.c.linkedid.is_(None)))
        trunk = connection.scalar(select(func.count()).select_from(call_legs.join(calls, calls.c.linkedid == call_legs.c.linkedid)).where(
            calls.c.direction == 'out', call_legs.c.channel.like('PJSIP/trunk-demo-%') | call_legs.c.peer.like('PJSIP/trunk-demo-%')))
        out = connection.scalar(select(func.count()).select_from(outbound_calls))
        last_fax, many_faxes = connection.execute(select(func.max(faxes.c.id), func.count()).select_from(faxes)).one()
        facts = read_facts(connection, SITE, since, until, whose(SITE, None, None))
    assert unknown == 0 and trunk == out and last_fax == many_faxes
    for row in rows:
        state = State.NEW
        for change in changes[row.id]:
            assert change.from_state == state and LIFE[Move(change.move)][state] == change.to_state and since < change.at < until
            state = State(change.to_state)
        assert state == row.state and is_valid(row.number) and since <= row.opened_at < until
        assert row.reopens == sum(change.move == 'reopen' for change in changes[row.id])
        assert asked[row.id] == sum(change.move == 'resolve' for change in changes[row.id])
    assert [one.at for one in changes[rows[0].id]] == sorted(one.at for one in changes[rows[0].id])
    # the statistics' verdict is that of each folio's own clock
    judged = Counter(one.clock.used_s <= one.terms.resolve_s for one in timed
                     if one.clock and one.terms and one.folio.resolved_at and one.folio.resolved_at < until)
    assert Counter(one.kept for one in facts.resolved) == judged
    later = FolioBook(db).open(lives.report(line='+528005550101', client='nopalera'), until)
    assert len({row.number for row in rows} | {later.number}) == len(rows) + 1


def test_statistics_of_months_add_up_by_day_by_queue_and_by_category(db: Database) -> None:
    load(db, SITE, seed=3, **SMALL)
    since, until = FIRST.span(SITE.zone)[0], FIRST.plus(1).span(SITE.zone)[1]
    last = FIRST.plus(1).last
    with db.read() as connection:
        whole = statistics(connection, SITE, since, until)
        by_day = by_interval(connection, SITE, days(FIRST.first, last, SITE.zone), now=until)
        by_month = by_interval(connection, SITE, months(FIRST.first, last, SITE.zone), now=until)
        queues = by_queue(connection, SITE, since, until)
        clients = [statistics(connection, SITE, since, until, client) for client in SITE.clients]
        categories = by_category(connection, SITE, since, until)
        october = statistics(connection, SITE, *FIRST.plus(1).span(SITE.zone), now=until)
    assert_adds_up(by_day, whole)
    assert_adds_up(by_month, whole)
    assert_adds_up(tuple(clients), whole)
    assert [figure.of(by_month[1]) for figure in FIGURES] == [figure.of(october) for figure in FIGURES]
    for name in ('offered', 'answered', 'answered_in_time', 'abandoned', 'promised', 'handled'):
        assert sum(getattr(of_calls(one), name) for one in queues.values()) == getattr(of_calls(whole), name)
    assert sum(one.calls.wrap_ups for one in queues.values() if one.calls) == (whole.calls.wrap_ups if whole.calls else -1) > 0
    for figure in FIGURES:
        if figure.adds_up and figure.part in ('opened', 'solved', 'closed', 'survey', 'levels', 'close_calls', 'escalations'):
            assert sum(figure.of(one) or 0 for one in categories.values()) == figure.of(whole), figure.key       # type: ignore[misc]
    busy = {figure.key for figure in FIGURES if figure.of(whole)}
    assert {'answered', 'abandoned', 'first_contact', 'reopens', 'verified', 'unverified', 'resolve_breached', 'faxes_received',
            'unlisted_calls', 'survey_answers', 'escalations', 'average_wrap_up_s', 'call_backs_asked'} <= busy


def test_more_may_be_loaded_later_and_too_few_calls_are_refused(db: Database) -> None:
    load(db, SITE, first=FIRST, months=1, calls=120, folios=30)
    load(db, SITE, seed=2, first=FIRST.plus(1), months=1, calls=120, folios=30)
    with db.read() as connection:
        assert connection.scalar(select(func.count()).select_from(folios)) == 60
    with pytest.raises(ValueError, match='calls already, which is more than 10'):
        load(db, SITE, seed=3, first=FIRST.plus(2), months=1, calls=10, folios=30)
