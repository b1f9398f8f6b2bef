"""A service-level clock in words: where every second of a folio went (mission.md 4.5)."""
from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from callcenter.folio_view import printable
from ticketing.levels.clock import Clock, Interval
from ticketing.values import Folio

KINDS = ('before', 'running', 'paused', 'closed', 'stopped')
MOST_LINES = 60                                        # a life of years has thousands of nights


def explain_lines(folio: Folio, clock: Clock, zone: ZoneInfo, whole: bool = False) -> list[str]:
    """The clock for a person: intervals, sums to the second, due times; times in `zone`.

    A long life shows its first and last intervals; with `whole` all of them. The sums are always of all.
    """
    shown = clock.intervals if whole or len(clock.intervals) <= MOST_LINES else (
        *clock.intervals[:MOST_LINES // 2], *clock.intervals[-MOST_LINES // 2:])
    lines = [f'folio {folio.number}, {folio.state}, priority {folio.report.priority} ({zone.key})', '']
    for position, one in enumerate(shown):
        if position == MOST_LINES // 2 and len(shown) < len(clock.intervals):
            lines.append(f'  ... {len(clock.intervals) - len(shown)} more; --whole shows them')
        lines.append(_line(one, zone))
    return [*lines, '', *_sums(clock), *_due(folio, clock, zone)]


def clock_facts(clock: Clock) -> dict[str, Any]:
    """The clock for scripts: all intervals and sums in seconds; instants are UTC, ISO 8601."""
    return {
        'used_s': clock.used_s, 'paused_s': clock.paused_s, 'total_s': sum(one.seconds for one in clock.intervals),
        'seconds': {kind: _seconds(clock, kind) for kind in KINDS},
        'respond_due': _iso(clock.respond_due), 'resolve_due': _iso(clock.resolve_due), 'next_look': _iso(clock.next_look),
        'intervals': [{'kind': one.kind, 'since': _iso(one.since), 'until': _iso(one.until), 'seconds': one.seconds, 'reason': one.reason}
                      for one in clock.intervals],
    }


def duration(seconds: int) -> str:
    """Hours, minutes and seconds: '12:05:09'; hours may be many."""
    return f'{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}'


def _line(one: Interval, zone: ZoneInfo) -> str:
    since, until = one.since.astimezone(zone), one.until.astimezone(zone)
    reason = printable(one.reason)
    return f'  {since:%a %Y-%m-%d %H:%M:%S} - {until:%a %Y-%m-%d %H:%M:%S}  {duration(one.seconds):>11}  {one.kind:<8} {reason}'


def _sums(clock: Clock) -> Iterator[str]:
    for kind in KINDS:
        if seconds := _seconds(clock, kind):
            yield f'  {kind:<8} {duration(seconds):>11}  {seconds:>10} s'
    total = sum(one.seconds for one in clock.intervals)
    yield f'  {"in all":<8} {duration(total):>11}  {total:>10} s'


def _due(folio: Folio, clock: Clock, zone: ZoneInfo) -> Iterator[str]:
    yield ''
    responded = f'responded {_local(folio.responded_at, zone)}' if folio.responded_at else f'respond by {_local(clock.respond_due, zone)}'
    yield f'  {responded}'
    yield f'  resolve by {_local(clock.resolve_due, zone)}' if clock.resolve_due else '  nothing is promised as it stands'
    yield f'  next look {_local(clock.next_look, zone)}' if clock.next_look else '  nothing more will be escalated as it stands'


def _seconds(clock: Clock, kind: str) -> int:
    return sum(one.seconds for one in clock.intervals if one.kind == kind)


def _local(instant: datetime | None, zone: ZoneInfo) -> str:
    return f'{instant.astimezone(zone):%a %Y-%m-%d %H:%M:%S}' if instant else '-'


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
