"""Why a folio falls due when it does, in Spanish: where every second of its clock went (mission.md 4.5). Pure."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from config.hours import Reason
from ticketing.levels.clock import Clock, Interval
from ticketing.levels.terms import Terms
from ticketing.spanish import STATES, of_party

KINDS: Mapping[str, str] = {
    'before': 'Antes de abrir', 'running': 'Corre', 'paused': 'En pausa', 'closed': 'Fuera de horario', 'stopped': 'Detenido',
}
CLOSED: Mapping[str, str] = {
    Reason.EARLY: 'antes de la apertura', Reason.BREAK: 'entre dos horarios', Reason.NIGHT: 'noche', Reason.WEEKEND: 'fin de semana',
    Reason.CLOSED_DAY: 'día sin servicio', Reason.HOLIDAY: 'día festivo', Reason.NEVER: 'sin horario',
}
MOST = 40                                              # intervals that are shown, the last ones


@dataclass(frozen=True)
class Stretch:
    """A stretch of the clock for a person."""

    kind: str
    title: str
    why: str
    since: datetime
    until: datetime
    length: str


@dataclass(frozen=True)
class Explained:
    """The clock for a person. Lengths are 'h:mm' of open time; `left` is negative ('-0:20') when it is overdue."""

    respond: str
    resolve: str
    used: str
    paused: str
    left: str
    stretches: tuple[Stretch, ...]
    hidden: int
    respond_due: datetime | None
    resolve_due: datetime | None


def explained(clock: Clock, terms: Terms) -> Explained:
    """Everything that decides the due time."""
    shown = clock.intervals[-MOST:]
    return Explained(
        respond=hours(terms.respond_s), resolve=hours(terms.resolve_s), used=hours(clock.used_s), paused=hours(clock.paused_s),
        left=hours(terms.resolve_s - clock.used_s), stretches=tuple(map(_stretch, shown)), hidden=len(clock.intervals) - len(shown),
        respond_due=clock.respond_due, resolve_due=clock.resolve_due)


def hours(seconds: int) -> str:
    """'12:05' hours and minutes, cut off."""
    sign, minutes = ('-' if seconds < 0 else ''), abs(seconds) // 60
    return f'{sign}{minutes // 60}:{minutes % 60:02}'


def _stretch(one: Interval) -> Stretch:
    return Stretch(one.kind, KINDS.get(one.kind, one.kind), _why(one), one.since, one.until, hours(one.seconds))


def _why(one: Interval) -> str:
    if one.kind == 'before':
        return 'la línea todavía no abría'
    if one.kind == 'closed':
        kind, _, names = one.reason.partition(': ')
        return f'día festivo: {names}' if kind == 'holiday' else CLOSED.get(one.reason, one.reason)
    for party in ('user', 'supplier', 'somebody'):
        waits = f'waiting for {party}'
        if one.reason == waits or one.reason.startswith(waits + ': '):
            return f'en espera {of_party(party) if party != "somebody" else ""}{one.reason.removeprefix(waits)}'
    return STATES.get(one.reason, one.reason)
