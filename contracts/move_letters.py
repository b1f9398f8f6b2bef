"""The letters of a site's move: to the client's contact at each step, to the supervisors when something is late (mission.md 7.4). Pure.

Days and amounts are facts as the reader sees them, in Spanish.
"""
from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from config.contract import ordinary_line
from config.phones import national
from config.values import Client, Site
from contracts.move_rows import Move
from contracts.move_rules import STATE_NAMES, Cost, closed_day, day_words, earliest, is_short, money_words, total
from ticketing.mail.held import listeners
from ticketing.mail.outbox import Notice
from ticketing.spanish import MODALITIES

NOTICED, FEASIBLE, NOT_FEASIBLE, SCHEDULED = 'site_move_noticed', 'site_move_feasible', 'site_move_not_feasible', 'site_move_scheduled'
DELIVERED, WITHDRAWN, CANCELLED, CLOSED = 'site_move_delivered', 'site_move_withdrawn', 'site_move_cancelled', 'site_move_closed'
WARNING = 'warning'


def to_contact(name: str, move: Move, site: Site, costs: Sequence[Cost] = (), **facts: Any) -> tuple[Notice, ...]:
    """The letter to the client's contact; none when the client has none. Each version of the move tells once."""
    client = site.clients.get(move.client)
    if client is None or client.contact is None or not client.contact.email:
        return ()
    return (Notice(key=f'{name}:{move.reference}:{move.version}', name=name, recipient=client.contact.email, client=move.client,
                   folio_id=None, facts=letter_facts(move, site, client, costs) | facts, held=not client.policy.notify_outside_hours),)


def to_supervisors(what: str, move: Move, site: Site, text: str) -> tuple[Notice, ...]:
    """A warning to each supervisor who hears of the client; `what` is late, once."""
    return tuple(Notice(key=f'site-move-late:{move.reference}:{what}:{agent.login}'[:160], name=WARNING, recipient=agent.email,
                        client=move.client, folio_id=None, facts={'text': text}, held=True) for agent in listeners(site, move.client))


def letter_facts(move: Move, site: Site, client: Client, costs: Sequence[Cost]) -> dict[str, Any]:
    """What every letter about a move may say; `costs` are those expected, or of the delivery."""
    line = ordinary_line(site, client)
    shown = move.delivered_on or move.wanted_on
    rest = None if move.delivered_on else closed_day(site, client, move.site, move.wanted_on)
    return {
        'move': move.reference, 'client_name': client.name, 'line': national(line.number) if line else None, 'place': move.site,
        'destination': move.destination, 'client_notice': move.notice, 'received_on': day_words(move.received_on),
        'earliest_on': day_words(earliest(move.received_on)), 'wanted_on': day_words(move.wanted_on), 'changed_on': day_words(shown),
        'short': is_short(move.received_on, move.wanted_on), 'agreed': move.agreed or None, 'accepted': move.accepted_total is not None,
        'closed_why': rest.why if rest else None, 'next_day': day_words(rest.next_day) if rest and rest.next_day else None,
        'move_state': STATE_NAMES[move.state], 'reason': move.ended_why or move.answer or None,
        'costs': [{'modality': MODALITIES[cost.modality], 'amount': money_words(cost.amount)} for cost in costs],
        'total': money_words(total(costs)) if costs else None,
        'accepted_total': money_words(move.accepted_total) if move.accepted_total is not None else None,
        'term_months': move.term_months if move.term_months is not None else client.contract.term_months,
        'term_first': day_words(move.term.first) if move.term else None, 'term_last': day_words(move.term.last) if move.term else None}


def answer_late_words(move: Move, client_name: str) -> str:
    """That nobody has said whether it is feasible."""
    return (f'El cambio de domicilio {move.reference} de {client_name} (sitio {move.site}) se notificó el {day_words(move.received_on)} '
            f'y aún no se responde si es técnicamente factible. El cliente pidió el cambio para el {day_words(move.wanted_on)}.\n\n'
            f'Regístrelo con: mesa site-move feasible {move.reference}, o mesa site-move not-feasible {move.reference}')


def delivery_late_words(move: Move, client_name: str, next_step: str) -> str:
    """That its day has passed."""
    return (f'El cambio de domicilio {move.reference} de {client_name} (sitio {move.site}) estaba previsto para el '
            f'{day_words(move.wanted_on)} y no se ha registrado su entrega. Está {STATE_NAMES[move.state]}.\n\n{next_step}')


def plain_day(day: date) -> str:
    """A day in a history: '16/09/2026'."""
    return f'{day:%d/%m/%Y}'
