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


def delivery(fax: Fax, line: Line, site: Site, recipient: str) -> Notice:
    """The letter that brings the PDF. `fax.deliveries` counts this one already: each delivery is one letter, ever."""
    facts = _facts(fax, line, site) | {
        'pdf': {'file': pdf_name(fax.reference), 'sha256': fax.pdf_sha256}, 'again': fax.deliveries > 1,
        'instead_of': line.email if recipient == line.email_second and line.email_second != line.email else None}
    return _notice(f'fax:{fax.reference}:{fax.deliveries}', DELIVERY, fax, recipient, facts)


def rejection(fax: Fax, line: Line, site: Site) -> Notice:
    """The word to the account that a fax was refused as too long (mission.md 5.2)."""
    return _notice(f'fax-rejected:{fax.reference}', REJECTION, fax, line.email, _facts(fax, line, site))


def alerts(fax: Fax, site: Site, what: str, told: str) -> tuple[Notice, ...]:
    """The alert to each supervisor, once for each `what`: those of the client first."""
    from_number = sender(fax) or 'un número que no se mostró'
    client = site.clients.get(fax.client or '')
    whose = f' para {client.name}' if client else ''
    said = f'Fax {fax.reference} de {from_number}{whose}: {told}.\n\nConsúltelo con: mesa fax show {fax.reference}'
    return tuple(_notice(f'fax-alert:{fax.reference}:{what}:{agent.login[:64]}', ALERT, fax, agent.email, {'text': said})
                 for agent in _supervisors(site, fax))


def sender(fax: Fax) -> str | None:
    """The sender's number as it is written at home; None when his line showed none."""
    number = e164(fax.caller_number)
    try:
        return national(number) if number else fax.caller_number or None
    except ValueError:
        return number


def _facts(fax: Fax, line: Line, site: Site) -> dict[str, Any]:
    client = site.clients.get(line.client)
    return {
        'reference': fax.reference, 'client_name': client.name if client else line.client, 'line': national(line.number),
        'caller': sender(fax), 'caller_name': fax.caller_name or None, 'pages': fax.pages, 'sent_pages': fax.sent_pages,
        'most_pages': policy_of(site, line.client).fax_pages, 'damage': list(fax.damage), 'cut': bool(fax.reason),
        'received_at': fax.received_at.isoformat(), 'held_until': fax.release_at.isoformat() if _was_held(fax) and fax.release_at else None,
        'zone': site.calendars[line.calendar].zone.key, 'modality': str(line.modality)}


def _was_held(fax: Fax) -> bool:
    return fax.release_at is not None and fax.release_at > fax.received_at and fax.deliveries <= 1


def _notice(key: str, name: str, fax: Fax, recipient: str, facts: dict[str, Any]) -> Notice:
    """Not held by the outbox: when a fax leaves is decided by its own rule, before."""
    return Notice(key=key[:160], name=name, recipient=recipient, client=fax.client, folio_id=None, facts=facts, held=False)


def _supervisors(site: Site, fax: Fax) -> tuple[Agent, ...]:
    """Those who work the client's queues first."""
    client = site.clients.get(fax.client or '')
    found = [agent for agent in site.agents.values() if agent.supervisor and agent.email]
    return tuple(sorted(found, key=lambda agent: not serves(site, agent, client)))
