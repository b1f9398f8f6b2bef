"""What agents choose: kept, told in the history, and what Asterisk's members should be for it (mission.md 6.1, 6.3)."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ami_listener.membership import Wanted
from ami_listener.presence import AFTER_CALL, OTHER_PHONE, SIGNED_OUT, Presence, PresenceBook, PresenceError, after_call, effective
from config.load import load
from config.values import Site
from storage.engine import Database
from tests.site_copies import EXAMPLE

NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
READY = Presence('ana', 'desk', 'ready', '', NOW)
DESK, BROWSER = 'PJSIP/1001', 'PJSIP/1001-web'


@pytest.fixture(scope='module')
def site() -> Site:
    return load(EXAMPLE)


@pytest.fixture
def book(db: Database, site: Site) -> PresenceBook:
    return PresenceBook(db, lambda: site)


def pauses(book: PresenceBook, now: datetime = NOW) -> dict[str, str]:
    wanted: tuple[Wanted, ...] = book.wanted(now)
    return dict(next(one for one in wanted if one.login == 'ana').pauses)


def test_a_day_of_an_agent(book: PresenceBook) -> None:
    told: list[int] = []
    book.changed = lambda: told.append(1)
    assert book.get('ana', NOW) is None and book.wanted(NOW) == ()
    assert book.choose_phone('ana', 'browser', NOW).state == 'away'
    assert pauses(book) == {DESK: OTHER_PHONE, BROWSER: SIGNED_OUT}
    book.ready('ana', NOW)
    assert pauses(book) == {DESK: OTHER_PHONE, BROWSER: ''}
    assert book.pause('ana', 'comida', NOW).reason == 'comida'
    assert pauses(book)[BROWSER] == 'comida'
    book.pause('ana', 'otro', LATER, 'se fue  la\nluz')
    assert book.get('ana', LATER) == Presence('ana', 'browser', 'paused', 'otro', LATER, 'se fue la luz')
    book.wrap_up('ana', 'c1', LATER)
    assert pauses(book, LATER)[BROWSER] == AFTER_CALL
    book.choose_phone('ana', 'desk', LATER)
    book.away('ana', LATER)
    assert pauses(book) == {DESK: SIGNED_OUT, BROWSER: OTHER_PHONE}
    assert [(one.what, one.detail, one.note) for one in book.history(NOW, LATER + timedelta(1))] == [
        ('phone', 'browser', ''), ('ready', '', ''), ('paused', 'comida', ''), ('paused', 'otro', 'se fue la luz'), ('wrap_up', '', ''),
        ('phone', 'desk', ''), ('away', '', '')]
    assert len(told) == 7


def test_the_same_again_is_no_news(book: PresenceBook) -> None:
    book.ready('ana', NOW)
    assert book.ready('ana', LATER).since == NOW
    assert len(book.history(NOW, LATER + timedelta(1), 'ana')) == 1
    assert book.history(NOW, LATER + timedelta(1), 'beto') == ()


@pytest.mark.parametrize('wrong', [
    lambda book: book.choose_phone('ana', 'car', NOW), lambda book: book.pause('ana', 'siesta', NOW),
    lambda book: book.pause('ana', 'otro', NOW, ' \n '), lambda book: book.ready('nobody', NOW),
    lambda book: book.move('ana', 'no-queue', True, 'sup', NOW), lambda book: book.move('nobody', 'nopalera-vip', True, 'sup', NOW)])
def test_what_cannot_be_is_refused_and_leaves_nothing(book: PresenceBook, wrong: object) -> None:
    with pytest.raises(PresenceError):
        wrong(book)                                    # type: ignore[operator]
    assert (book.all(NOW), book.moves(), book.history(NOW, LATER)) == ({}, (), ())


def test_after_a_call_he_has_the_queue_s_time_and_is_then_ready_by_himself(book: PresenceBook, site: Site) -> None:
    book.ready('ana', NOW)
    queue = 'nopalera-standard'
    wrapup = timedelta(seconds=site.queues[queue].wrapup_seconds)
    begun = book.call_ended('ana', 'c1', queue, LATER)
    assert begun is not None and (begun.state, begun.until, begun.linkedid) == ('wrap_up', LATER + wrapup, 'c1')
    assert pauses(book, LATER)[DESK] == '', 'Asterisk itself keeps this time'
    during, over = book.get('ana', LATER + wrapup - timedelta(seconds=1)), book.get('ana', LATER + wrapup)
    assert during is not None and over is not None
    assert (during.state, over.state, over.since) == ('wrap_up', 'ready', LATER + wrapup)
    book.wrap_up('ana', 'c1', LATER)
    more = book.get('ana', LATER + timedelta(hours=1))
    assert more is not None and more.state == 'wrap_up'
    assert book.call_ended('ana', 'c2', queue, LATER) is None, 'he has asked for more time'
    assert book.call_ended('beto', 'c2', queue, LATER) is None, 'he has chosen nothing'
    assert book.call_ended('ana', 'c2', 'gone', LATER) is None


def test_the_rules_of_wrapping_up() -> None:
    begun = after_call(READY, 'c1', 10, LATER)
    assert begun is not None and begun.until == LATER + timedelta(seconds=10)
    assert after_call(READY, 'c1', 0, LATER) is None
    for state in ('paused', 'away'):
        assert after_call(Presence('ana', 'desk', state, '', NOW), 'c1', 10, LATER) is None
    again = after_call(begun, 'c2', 10, LATER + timedelta(seconds=11))
    assert again is not None and again.linkedid == 'c2', 'its time was over'
    assert effective(READY, LATER) == READY


def test_a_supervisor_moves_agents_between_queues(book: PresenceBook, site: Site) -> None:
    book.move('beto', 'nopalera-premium', True, 'carla', NOW)
    book.move('beto', 'nopalera-vip', False, 'carla', NOW)
    book.move('beto', 'nopalera-vip', False, 'carla', LATER)
    one, = book.wanted(NOW)
    assert one.queues == (frozenset(site.agents['beto'].queues) | {'nopalera-premium'}) - {'nopalera-vip'}
    assert (one.pauses, one.interfaces) == ({}, ('PJSIP/1002', 'PJSIP/1002-web'))
    assert [(move.queue, move.member, move.by) for move in book.moves()] == [
        ('nopalera-premium', True, 'carla'), ('nopalera-vip', False, 'carla')]
    assert [(one.what, one.detail, one.by) for one in book.history(NOW, LATER)] == [
        ('joins', 'nopalera-premium', 'carla'), ('leaves', 'nopalera-vip', 'carla')]
