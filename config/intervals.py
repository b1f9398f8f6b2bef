"""The table of open intervals that the dialplan follows when Mesa does not answer (mission.md 3.7)."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from config.hours import EPOCH, SECOND, intervals
from config.values import Line, Modality, Override, Site


@dataclass(frozen=True)
class LineTable:
    """One line's open time in [valid_from, valid_until); all times are epoch seconds, spans half-open."""

    line: str                                          # E.164
    valid_from: int
    valid_until: int                                   # from here on the table is stale and counts as closed
    spans: tuple[tuple[int, int], ...]                 # (opens, closes) in order, never touching
    queue: str | None                                  # None only for a fax line
    modality: Modality


def fallback_table(site: Site, overrides: Sequence[Override], now: datetime, days: int = 14) -> tuple[LineTable, ...]:
    """Every line's open intervals from `now` on, in the order of the site's lines, by the engine that answers the phone.

    `overrides` are those set at run time, of all lines; the site's own are added. A user's site has no say: nobody is identified.
    """
    until = now + timedelta(days=days)
    return tuple(_line_table(site, line, (*site.overrides, *overrides), now, until) for line in site.lines.values())


def _line_table(site: Site, line: Line, overrides: Sequence[Override], now: datetime, until: datetime) -> LineTable:
    own = tuple(override for override in overrides if override.line == line.number)
    found = intervals(site.calendars[line.calendar], site.holidays, own, now, until)
    spans = tuple((_epoch(opens), _epoch(closes)) for opens, closes in found)
    return LineTable(line.number, _epoch(now), _epoch(until), spans, line.queue, line.modality)


def _epoch(moment: datetime) -> int:
    return (moment - EPOCH) // SECOND
