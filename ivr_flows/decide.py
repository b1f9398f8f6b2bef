"""The one decision engine: what happens when this caller reaches this line at this moment, and why.

The telephone, `mesa simulate`, the fallback table and, later, the fax release and the replay of old calls all ask
here; nothing else knows about hours or queues.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from config.contract import calendar_for, ordinary_line
from config.holidays import Holiday
from config.hours import Reason, next_opening, opening
from config.values import Calendar, Client, Line, Modality, Override, OverrideState, Policy, Site
from ivr_flows.steps import Caller

NORMAL_PRIORITY = 0
VIP_PRIORITY = 10


class Destination(StrEnum):
    """Where a call goes first."""

    MENU = 'menu'
    AGENT = 'agent'
    CLOSED = 'closed'
    FAX = 'fax'


@dataclass(frozen=True)
class Decision:
    """What to do with a call, and the rule that decided. Instants are aware UTC; `zone_of` gives the local clock."""

    caller: Caller
    client: Client
    calendar: Calendar
    open: bool
    reason: Reason
    rule: str
    holiday: Holiday | None
    next_opening: datetime | None
    destination: Destination
    queue: str | None
    priority: int
    message: str | None                               # prompt of an override, played first
    own_number: str | None                            # told to a caller who is not on the VIP list (mission.md 1.3)

    @property
    def line(self) -> Line:
        return self.caller.line

    @property
    def policy(self) -> Policy:
        """The contract parameters of the line's modality."""
        return self.client.policy_of(self.line.modality)

    @property
    def unlisted(self) -> bool:
        """Nobody on the client's list (mission.md 1.5)."""
        return self.caller.user is None


@dataclass(frozen=True)
class Route:
    """The part of a decision that does not depend on the hour."""

    destination: Destination
    queue: str | None
    priority: int
    rule: str
    own_number: str | None = None


def decide(site: Site, caller: Caller, overrides: Sequence[Override], now: datetime) -> Decision:
    """What happens when this caller reaches this line at `now` (mission.md 1.3, 1.5, 2, 3.1-3.5)."""
    line = caller.line
    client = site.clients[line.client]
    calendar = calendar_for(site, line, caller.user.site if caller.user else None)
    mine = [override for override in (*site.overrides, *overrides) if override.line == line.number]
    state = opening(calendar, site.holidays, mine, now)
    route = route_of(site, client, caller)
    voice = route.destination is not Destination.FAX
    return Decision(
        caller=caller, client=client, calendar=calendar, open=state.open, reason=state.reason,
        rule=f'{state.rule}; {route.rule}', holiday=state.holiday,
        next_opening=None if state.open else next_opening(calendar, site.holidays, mine, now),
        destination=Destination.CLOSED if voice and not state.open else route.destination,
        queue=route.queue, priority=route.priority, message=message_of(mine, now), own_number=route.own_number)


def route_of(site: Site, client: Client, caller: Caller) -> Route:
    """Who should answer and in which order, whatever the hour (mission.md 1.3, 1.5)."""
    line, user = caller.line, caller.user
    if line.modality is Modality.FAX:
        return Route(Destination.FAX, None, NORMAL_PRIORITY, f'{line.where}: fax line')
    if user is not None and user.vip and client.vip_queue:
        return Route(Destination.AGENT, client.vip_queue, VIP_PRIORITY, f'{user.where}: VIP user {user.employee_number} goes first')
    if line.modality is Modality.VIP:
        own = ordinary_line(site, client)
        rule = f'{line.where}: not on the VIP list, normal priority'
        return Route(Destination.AGENT, own.queue if own else line.queue, NORMAL_PRIORITY, rule, own.number if own else None)
    if user is None and client.policy_of(line.modality).unlisted == 'verify':
        return Route(Destination.AGENT, line.queue, NORMAL_PRIORITY, f'{client.where}: unlisted callers are verified by an agent')
    return Route(Destination.MENU, line.queue, NORMAL_PRIORITY, f'{line.where}: queue {line.queue}')


def message_of(overrides: Sequence[Override], now: datetime) -> str | None:
    """The prompt of the newest override in force that carries one (mission.md 2.4)."""
    speaking = [o for o in overrides if o.message and o.since <= now < o.until]
    newest = max(speaking, key=lambda o: (o.since, o.state is OverrideState.MESSAGE), default=None)
    return newest.message if newest else None
