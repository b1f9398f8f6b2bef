"""Which letters a change of a folio causes, to whom, with which facts, and when they may leave (mission.md 4.4, 4.6). Pure but `send`."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from config.contract import calendar_for, mail_line
from config.hours import next_opening
from config.phones import national
from config.values import Agent, Client, Modality, Policy, Site
from ticketing.mail.message_ids import new_message_id
from ticketing.mail.outbox import Notice, post
from ticketing.values import Folio, Kind


def policy_for(site: Site, folio: Folio) -> Policy:
    """The contract parameters of the folio's client and modality; the defaults when the site has that client no more."""
    client = site.clients.get(folio.report.client)
    return client.policy_of(Modality(folio.report.modality)) if client else Policy()


def release(site: Site, line: str, user_site: str | None, outside: bool, now: datetime) -> datetime:
    """When a message may leave: now, or at the next opening of the calendar; `outside`: at any time, by contract (mission.md 4.6).

    A line that the site has no more, and a calendar that never opens, hold nothing back: nobody would ever hear.
    """
    found = site.lines.get(line)
    if outside or found is None:
        return now
    return next_opening(calendar_for(site, found, user_site), site.holidays, (), now) or now


def release_without_folio(site: Site, client: str | None, now: datetime) -> datetime:
    """When a message about no folio may leave: the next opening of the client's own line, or of any line when it has none."""
    found = site.clients.get(client or '')
    line = mail_line(site, found) if found else None
    return min((release(site, number, None, False, now) for number in ([line.number] if line else site.lines)), default=now)


def due_of(site: Site, folio: Folio, now: datetime) -> datetime:
    """When a message about this folio may leave, by the contract of its line."""
    return release(site, folio.report.line, folio.report.site, policy_for(site, folio).notify_outside_hours, now)


def folio_facts(folio: Folio, site: Site) -> dict[str, Any]:
    """What every letter about a folio may say; instants are ISO 8601 in UTC, `zone` is for showing them."""
    report = folio.report
    client, line = site.clients.get(report.client), site.lines.get(report.line)
    categories = {category.name: category.title for category in client.categories} if client else {}
    return {
        'number': folio.number, 'client_name': client.name if client else report.client, 'user_name': report.user_name,
        'line': national(report.line), 'state': folio.state.value, 'priority': report.priority,
        'category_title': categories.get(report.category or '', report.category), 'summary': report.summary,
        'opened_at': folio.opened_at.isoformat(), 'promised': report.promised.isoformat() if report.promised else None,
        'zone': (calendar_for(site, line, report.site).zone if line else site.zone).key, 'modality': str(report.modality),
    }


def to_user(name: str, folio: Folio, folio_id: int, site: Site, **facts: Any) -> tuple[Notice, ...]:
    """The letter to the user; none when his address is not known."""
    if not folio.report.user_email:
        return ()
    return (_notice(name, folio, folio_id, site, folio.report.user_email, '', facts),)


def to_reporter(name: str, folio: Folio, folio_id: int, site: Site, number: str, user_name: str | None, user_email: str,
                **facts: Any) -> tuple[Notice, ...]:
    """The letter to somebody whose own folio, `number`, was merged into this one; the other user's words are not for him."""
    if user_email == folio.report.user_email:
        return ()
    theirs = {'user_name': user_name, 'summary': None}
    return (_notice(name, folio, folio_id, site, user_email, number, facts | theirs),)


def to_group(name: str, folio: Folio, folio_id: int, site: Site, group: str, **facts: Any) -> tuple[Notice, ...]:
    """The letter to a resolver group; none when it has no address."""
    client = site.clients.get(folio.report.client)
    found = client.groups.get(group) if client else None
    if found is None or not found.email or is_of_the_accused(site, folio, found.email) or any(
            is_accused(folio, login) for login in found.agents):
        return ()
    return (_notice(name, folio, folio_id, site, found.email, group, facts | {'group_title': found.title}),)


def to_supervisors(name: str, folio: Folio, folio_id: int, site: Site, **facts: Any) -> tuple[Notice, ...]:
    """A letter to each supervisor who has an address, but never to the person complained of (mission.md 4.1)."""
    return tuple(_notice(name, folio, folio_id, site, agent.email, agent.login, facts) for agent in supervisors(site, folio)
                 if agent.email and not is_of_the_accused(site, folio, agent.email))


def to_contact(name: str, folio: Folio, folio_id: int, site: Site, **facts: Any) -> tuple[Notice, ...]:
    """The letter to the client's contact; none when there is none."""
    client = site.clients.get(folio.report.client)
    if client is None or client.contact is None or not client.contact.email:
        return ()
    return (_notice(name, folio, folio_id, site, client.contact.email, 'contact', facts),)


def supervisors(site: Site, folio: Folio) -> tuple[Agent, ...]:
    """Who supervises this folio: those of the client's own queues first; never the person complained of."""
    client = site.clients.get(folio.report.client)
    found = [agent for agent in site.agents.values() if agent.supervisor and not is_accused(folio, agent.login)]
    return tuple(sorted(found, key=lambda agent: not serves(site, agent, client)))


def is_accused(folio: Folio, login: str | None) -> bool:
    """Whether the folio is a complaint of this person."""
    accused = folio.report.complained_of
    return bool(folio.report.kind == Kind.COMPLAINT and accused and login and accused.strip().casefold() == login.strip().casefold())


def send(connection: Connection, notices: Iterable[Notice], site: Site, due: datetime, now: datetime) -> None:
    """Put letters into the outbox, in the transaction of their cause; each has its Message-ID before anything uses it."""
    for notice in notices:
        post(connection, notice, new_message_id(site), due, now)


def _notice(name: str, folio: Folio, folio_id: int, site: Site, recipient: str, who: str, facts: dict[str, Any]) -> Notice:
    """`key`: a folio's version is that of one change, so that each change tells each person once."""
    key = ':'.join(part for part in (name, folio.number, str(folio.version), who[:64]) if part)
    return Notice(key=key, name=name, recipient=recipient, client=folio.report.client, folio_id=folio_id,
                  facts=folio_facts(folio, site) | facts, held=not policy_for(site, folio).notify_outside_hours)


def is_of_the_accused(site: Site, folio: Folio, address: str) -> bool:
    """Whether a letter to this address would reach the person complained of."""
    return any(agent.email and agent.email.casefold() == address.casefold() for agent in _accused(site, folio))


def _accused(site: Site, folio: Folio) -> Iterator[Agent]:
    return (agent for agent in site.agents.values() if is_accused(folio, agent.login))


def serves(site: Site, agent: Agent, client: Client | None) -> bool:
    """Whether an agent works a queue of the client."""
    return client is not None and any(site.queues[queue].client == client.key for queue in agent.queues if queue in site.queues)
