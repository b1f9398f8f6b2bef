"""A site's move as the command line shows it: one sentence, what a person should do, facts for scripts. Pure."""
from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from callcenter.folio_view import printable
from config.values import Site
from contracts.move_rows import Move
from contracts.move_rules import ClosedDay, MoveState, closed_day, earliest, is_short, total
from contracts.moves import expected_costs

_PLANNED = (MoveState.NOTICED, MoveState.FEASIBLE, MoveState.ACCEPTED)
_WITHOUT_COST = (MoveState.NOT_FEASIBLE, MoveState.WITHDRAWN, MoveState.SERVICE_CANCELLED, MoveState.CLOSED)


def sentence(move: Move, site: Site) -> str:
    """How a move stands after a command."""
    costs = expected_costs(move, site)
    cost = '' if costs is None or move.state in _WITHOUT_COST else f', initial cost {total(costs):,.2f} before taxes'
    if move.term is not None:
        when = f', on {move.delivered_on}{cost}, new term {move.term.first} to {move.term.last}'
    else:
        when = f', planned for {move.wanted_on}{cost}' if move.state in _PLANNED else ''
    state = move.state.replace('_', ' ')
    return f'Site move {move.reference} ({move.client}, {printable(move.site)}) is {state}{when} (version {move.version}).'


def remarks(move: Move, site: Site) -> Iterator[str]:
    """What a person should know or do now; nothing of it happens by itself."""
    client = site.clients.get(move.client)
    if client is None or client.contact is None or not client.contact.email:
        yield f'{move.client} has no contact with an address: nobody was written to.'
    closed = closed_of(move, site)
    if closed is not None:
        proposed = f'; the next day with hours is {closed.next_day}' if closed.next_day else ''
        yield f'{closed.day} is closed at the site ({closed.why}){proposed}.'
    if move.state in _PLANNED and expected_costs(move, site) is None:
        yield f'No initial cost is known for {move.wanted_on}: enter it in tariffs.toml before the next step.'
    yield from texts_to_change(move, site)


def texts_to_change(move: Move, site: Site) -> Iterator[str]:
    """Which of the admin's texts follow from the end of a move."""
    client = site.clients.get(move.client)
    file = client.where.file if client and client.where.file else f'clients/{move.client}.toml'
    if move.state is MoveState.DELIVERED and client is not None:
        people = sum(user.site == move.site for user in client.users)
        yield f'Change if the site is called otherwise now: column site (and phones) of {people} users in clients/{move.client}.users.csv.'
        kept = client.site_calendars.get(move.site)
        yield (f'Change if it keeps other hours now: [site_calendars] in {file}, '
               + (f'where {move.site!r} = {kept!r}.' if kept else f'where {move.site!r} does not stand.'))
        yield 'Then: mesa config check, mesa config apply.'
    if move.state is MoveState.SERVICE_CANCELLED:
        yield f'When the termination takes effect: the lines and the contract in {file}, then mesa config check, mesa config apply.'


def closed_of(move: Move, site: Site) -> ClosedDay | None:
    """Why the planned day is closed at the site; None when it is not, or nothing is planned any more."""
    client = site.clients.get(move.client)
    return closed_day(site, client, move.site, move.wanted_on) if client is not None and move.state in _PLANNED else None


def facts_of(move: Move, site: Site) -> dict[str, Any]:
    """A move for people and scripts: days are local days of the site's zone, instants UTC, amounts text, MXN before taxes."""
    costs, closed = expected_costs(move, site), closed_of(move, site)
    return {
        'reference': move.reference, 'state': str(move.state), 'version': move.version, 'client': move.client, 'site': move.site,
        'notice': move.notice, 'received_on': move.received_on, 'earliest_on': earliest(move.received_on), 'wanted_on': move.wanted_on,
        'short_notice': is_short(move.received_on, move.wanted_on), 'agreed': move.agreed,
        'closed_day': closed.why if closed else None, 'proposed_day': closed.next_day if closed else None,
        'destination': move.destination, 'modalities': [str(one) for one in move.modalities], 'answer': move.answer,
        'answered_at': _utc(move.answered_at),
        'costs': [{'modality': str(cost.modality), 'amount': str(cost.amount), 'tariff': str(cost.tariff)} for cost in costs or ()],
        'cost': str(total(costs)) if costs is not None else None, 'cost_is': 'owed' if move.delivered_on else 'expected',
        'accepted_total': str(move.accepted_total) if move.accepted_total is not None else None, 'term_months': move.term_months,
        'delivered_on': move.delivered_on, 'term_first': move.term.first if move.term else None,
        'term_last': move.term.last if move.term else None, 'ended_why': move.ended_why, 'recorded_at': _utc(move.recorded_at),
        'delivery_recorded_at': _utc(move.delivery_recorded_at), 'answer_late_at': _utc(move.answer_late_at),
        'delivery_late_at': _utc(move.delivery_late_at), 'remarks': list(remarks(move, site))}


def in_words(value: Any, zone: ZoneInfo) -> str:
    """A fact for a person: times in the site's zone."""
    if isinstance(value, list):
        return '; '.join(' '.join(map(str, one.values())) if isinstance(one, dict) else printable(str(one)) for one in value)
    if isinstance(value, str) and value.endswith('+00:00'):
        return f'{datetime.fromisoformat(value).astimezone(zone):%Y-%m-%d %H:%M:%S}'
    return printable(str(value))


def _utc(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
