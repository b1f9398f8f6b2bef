"""A folio for people at the command line and for scripts."""
from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from ticketing import damm
from ticketing.values import Folio

OF_REPORT = (
    'client', 'line', 'modality', 'priority', 'impact', 'urgency', 'kind', 'category', 'application', 'summary', 'description',
    'clock_starts', 'promised', 'respond_due', 'next_look', 'employee_number', 'user_name', 'user_email', 'caller_number',
    'identified_by', 'unlisted', 'site', 'origin', 'from_message', 'complained_of', 'rule', 'call')
OF_FOLIO = (
    'opened_at', 'holder', 'agent', 'resolver_group', 'acknowledged_at', 'waiting_for', 'responded_at', 'diagnosis', 'solution',
    'resolved_at', 'resolved_by', 'first_contact', 'closed_at', 'score', 'reopens', 'cancel_reason', 'cancel_cause', 'duplicate_of',
    'problem_id', 'abandoned_at', 'erased_at')
ALWAYS = ('number', 'version', 'state', 'client', 'line', 'modality', 'priority', 'kind', 'category', 'opened_at', 'promised', 'holder')


def facts_of(folio: Folio) -> dict[str, Any]:
    """A folio for scripts; times are UTC, ISO 8601."""
    told = {'number': folio.number, 'version': folio.version, 'state': str(folio.state)}
    told |= {name: getattr(folio.report, name) for name in OF_REPORT} | {name: getattr(folio, name) for name in OF_FOLIO}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in told.items()}


def lines_of(folio: Folio, zone: ZoneInfo) -> list[str]:
    """A folio for a person, what is not known left out; times in `zone`."""
    told = {'number': folio.number, 'version': folio.version, 'state': folio.state}
    told |= {name: getattr(folio.report, name) for name in OF_REPORT} | {name: getattr(folio, name) for name in OF_FOLIO}
    return [f'{name.replace("_", " "):>16}  {in_words(value, zone)}' for name, value in told.items()
            if name in ALWAYS or value not in (None, False)]


def in_words(value: object, zone: ZoneInfo) -> str:
    """A fact for a person, in one line."""
    if isinstance(value, datetime):
        return f'{value.astimezone(zone):%Y-%m-%d %H:%M:%S}'
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    return '-' if value is None else printable(str(value))


def printable(text: str) -> str:
    """Somebody else's text in one line, without characters that a terminal obeys."""
    return ''.join(c if c.isprintable() else ' ' for c in text)


def sentence(folio: Folio, zone: ZoneInfo) -> str:
    """How a folio stands after a command."""
    has = {'agent': f'with agent {folio.agent}', 'group': f'with group {folio.resolver_group}'}.get(folio.holder, 'with nobody')
    due = f', due {folio.promised.astimezone(zone):%Y-%m-%d %H:%M}' if folio.promised else ''
    waits = f' for the {folio.waiting_for}' if folio.waiting_for else ''
    return (f'Folio {folio.number} is {folio.state.replace("_", " ")}{waits}, {folio.report.priority} priority, {has}{due} '
            f'(version {folio.version}).')


def hint(number: str) -> str:
    """What may be wrong with a number that no folio has."""
    if not (number.isascii() and number.isdigit()):
        return ' A folio number is digits alone.'
    return '' if damm.is_valid(number) else ' Its check digit does not fit, so a digit is wrong.'
