"""The letters that a fax causes: itself, the word that one was refused, alerts to supervisors (mission.md 5.1, 5.2, 5.4). Pure."""
from __future__ import annotations

from typing import Any

from config.phones import e164, national
from config.values import Agent, Line, Site
from fax.policy import policy_of
from fax.values import Fax
from ticketing.mail.outbox import Notice
from ticketing.notices import serves

DELIVERY, REJECTION, ALERT = 'fax', 'fax_rejected', 'warning'


def pdf_name(reference: str) -> str:
    """What our file of a fax is called, and the attachment."""
    return f'fax-{reference}.pdf'


def delivery(facsimile: Fax, line: Line, site: Site, recipient: str) -> Notice:
    """The letter that brings the PDF. `fax.deliveries` counts this one already: each delivery is one letter, ever."""
    facts = _facts(facsimile, line, site) | {
        'pdf': {'file': pdf_name(facsimile.reference), 'sha256': facsimile.pdf_sha256}, 'again': facsimile.deliveries > 1,
        'instead_of': line.email if recipient == line.email_second and line.email_second != line.email else None}
    return _notice(f'fax:{facsimile.reference}:{facsimile.deliveries}', DELIVERY, facsimile, recipient, facts)


def rejection(facsimile: Fax, line: Line, site: Site) -> Notice:
    """The word to the account that a fax was refused as too long (mission.md 5.2)."""
    return _notice(f'fax-rejected:{facsimile.reference}', REJECTION, facsimile, line.email, _facts(facsimile, line, site))


def alerts(facsimile: Fax, site: Site, what: str, told: str) -> tuple[Notice, ...]:
    """The alert to each supervisor, once for each `what`: those of the client first."""
    from_number = sender(facsimile) or 'un número que no se mostró'
    client = site.clients.get(facsimile.client or '')
    whose = f' para {client.name}' if client else ''
    said = f'Fax {facsimile.reference} de {from_number}{whose}: {told}.\n\nConsúltelo con: mesa fax show {facsimile.reference}'
    return tuple(_notice(f'fax-alert:{facsimile.reference}:{what}:{agent.login[:64]}', ALERT, facsimile, agent.email, {'text': said})
                 for agent in _supervisors(site, facsimile))


def sender(facsimile: Fax) -> str | None:
    """The sender's number as it is written at home; None when his line showed none."""
    number = e164(facsimile.caller_number)
    try:
        return national(number) if number else facsimile.caller_number or None
    except ValueError:
        return number


def _facts(facsimile: Fax, line: Line, site: Site) -> dict[str, Any]:
    client = site.clients.get(line.client)
    return {
        'reference': facsimile.reference, 'client_name': client.name if client else line.client, 'line': national(line.number),
        'caller': sender(facsimile), 'caller_name': facsimile.caller_name or None, 'pages': facsimile.pages,
        'sent_pages': facsimile.sent_pages, 'most_pages': policy_of(site, line.client).fax_pages, 'damage': list(facsimile.damage),
        'cut': bool(facsimile.reason), 'received_at': facsimile.received_at.isoformat(), 'held_until': _held_until(facsimile),
        'zone': site.calendars[line.calendar].zone.key, 'modality': str(line.modality)}


def _held_until(facsimile: Fax) -> str | None:
    """Until when it waited for the opening, ISO 8601; None when it did not, or is sent again."""
    release = facsimile.release_at
    return release.isoformat() if release is not None and release > facsimile.received_at and facsimile.deliveries <= 1 else None


def _notice(key: str, name: str, facsimile: Fax, recipient: str, facts: dict[str, Any]) -> Notice:
    """Not held by the outbox: when a fax leaves is decided by its own rule, before."""
    return Notice(key=key[:160], name=name, recipient=recipient, client=facsimile.client, folio_id=None, facts=facts, held=False)


def _supervisors(site: Site, facsimile: Fax) -> tuple[Agent, ...]:
    """Those who work the client's queues first."""
    client = site.clients.get(facsimile.client or '')
    found = [agent for agent in site.agents.values() if agent.supervisor and agent.email]
    return tuple(sorted(found, key=lambda agent: not serves(site, agent, client)))
