"""Whom a privacy request is about, and what is his: what is also somebody else's is never his alone (mission.md 4.1)."""
from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import Column, ColumnElement, Connection, and_, false, func, or_, select

from config.phones import e164
from config.values import Client
from ticketing.privacy.mentions import Mentions
from ticketing.tables import call_notes, folio_entries, folios, messages_in, users
from ticketing.values import TicketingError


class UnknownPerson(TicketingError):
    """Nothing is held about anybody of this client who is called so."""


class AmbiguousPerson(TicketingError):
    """The text fits several people, or a telephone that many use."""


@dataclass(frozen=True)
class Subject:
    """One person. `emails` are in small letters, `phones` E.164; both his alone. `listed`: the client's list in force has him."""

    client: str
    employee_number: str | None
    names: frozenset[str]
    emails: frozenset[str]
    phones: frozenset[str]
    listed: bool = False

    @property
    def mentions(self) -> Mentions:
        """What to look for in texts."""
        return Mentions(self.names, self.emails, self.phones, self.employee_number)

    def digest(self, key: str) -> str:
        """What an erasure keeps of him: enough to recognise the same request, not enough to find him by trying numbers."""
        who = self.employee_number or ' '.join(sorted(self.emails | self.phones))
        return hmac.new(key.encode(), f'erased {self.client} {who}'.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class _Person:
    employee_number: str
    names: frozenset[str]
    emails: frozenset[str]
    phones: frozenset[str]
    listed: bool


def find_subject(connection: Connection, client: Client, text: str) -> Subject:
    """The person whom an employee number, e-mail address or telephone of this client means.

    Raises AmbiguousPerson when it means several or a trunk, UnknownPerson when nothing is held about such a person.
    """
    people = _people(connection, client)
    wanted = text.strip()
    phone = e164(wanted)
    fitting = [one for one in people if wanted == one.employee_number] or [
        one for one in people if wanted.casefold() in one.emails or (phone is not None and phone in one.phones)]
    if phone is not None and not fitting and phone in client.trunk_numbers:
        raise AmbiguousPerson(f'{wanted} is a trunk of {client.key}: it means nobody. Give the employee number.')
    if len(fitting) > 1:
        numbers = ', '.join(one.employee_number for one in fitting)
        raise AmbiguousPerson(f'{wanted} is shared by the employees {numbers} of {client.key}: give one of these numbers.')
    return _listed(client, people, fitting[0]) if fitting else _unlisted(connection, client, people, wanted, phone)


def is_his(subject: Subject) -> ColumnElement[bool]:
    """The condition on `folios`: those that he reported. Somebody else's call from his telephone is not his."""
    where = [folios.c.client == subject.client]
    nobody = and_(folios.c.employee_number.is_(None), or_(
        func.lower(folios.c.user_email).in_(sorted(subject.emails)), folios.c.caller_number.in_(sorted(subject.phones))))
    return and_(*where, or_(folios.c.employee_number == subject.employee_number, nobody) if subject.employee_number else nobody)


def with_own_traces(connection: Connection, client: Client, subject: Subject) -> Subject:
    """The subject with the telephones and addresses that only his own folios and calls show: no trunk, nobody else's."""
    his = is_his(subject)
    others = [one for one in _people(connection, client) if one.employee_number != subject.employee_number]
    numbers = _seen(connection, folios.c.caller_number, his)
    if subject.employee_number:
        numbers |= _seen(connection, call_notes.c.caller_number, and_(
            call_notes.c.client == client.key, call_notes.c.employee_number == subject.employee_number))
    numbers = {number for number in numbers if e164(number) == number} - client.trunk_numbers
    numbers -= {phone for one in others for phone in one.phones} | _seen(
        connection, folios.c.caller_number, and_(folios.c.caller_number.in_(sorted(numbers)), ~func.coalesce(his, false())))
    emails = {email.casefold() for email in _seen(connection, folios.c.user_email, his)} - {email for one in others for email in one.emails}
    return replace(subject, phones=subject.phones | numbers, emails=subject.emails | emails)


def _seen(connection: Connection, column: Column[str], condition: ColumnElement[bool]) -> set[str]:
    return set(connection.scalars(select(column).where(column.is_not(None), condition).distinct()))


def calls_of(connection: Connection, subject: Subject, folio_ids: Iterable[int]) -> set[str]:
    """The linkedids of the calls about his folios, and of those that he made."""
    ids = sorted(folio_ids)
    found = {one for one in connection.scalars(select(folios.c.linkedid).where(folios.c.id.in_(ids))) if one}
    found |= {one for one in connection.scalars(select(folio_entries.c.linkedid).where(folio_entries.c.folio_id.in_(ids))) if one}
    noted: list[ColumnElement[bool]] = [call_notes.c.caller_number.in_(sorted(subject.phones))]
    if subject.employee_number:
        noted.append(call_notes.c.employee_number == subject.employee_number)
    return found | set(connection.scalars(select(call_notes.c.linkedid).where(call_notes.c.client == subject.client, or_(*noted))))


def _people(connection: Connection, client: Client) -> list[_Person]:
    """Everybody who is or was on the client's list, each with all that he was ever known by."""
    known: dict[str, _Person] = {}
    rows = connection.execute(select(users).where(users.c.client == client.key)).all()
    entries = [(row.employee_number, row.name, row.email, row.phones, False) for row in rows]
    entries += [(user.employee_number, user.name, user.email, user.phones, True) for user in client.users]
    for number, name, email, phones, listed in entries:
        before = known.get(number) or _Person(number, frozenset(), frozenset(), frozenset(), False)
        known[number] = _Person(number, before.names | {name}, before.emails | ({email.casefold()} if email else set()),
                                before.phones | set(phones), before.listed or listed)
    return list(known.values())


def _listed(client: Client, people: list[_Person], one: _Person) -> Subject:
    others = [other for other in people if other.employee_number != one.employee_number]
    return Subject(
        client.key, one.employee_number, one.names - {name for other in others for name in other.names},
        one.emails - {email for other in others for email in other.emails},
        one.phones - client.trunk_numbers - {phone for other in others for phone in other.phones}, one.listed)


def _unlisted(connection: Connection, client: Client, people: list[_Person], text: str, phone: str | None) -> Subject:
    """Somebody who never was on the list, by what he wrote from or called from; an erased employee number that folios still have."""
    email = text.casefold()
    known_names = {name for one in people for name in one.names}
    if phone is not None or '@' in text:
        subject = Subject(client.key, None, frozenset(), frozenset({email} if '@' in text else ()), frozenset({phone} if phone else ()))
    else:
        subject = Subject(client.key, text, frozenset(), frozenset(), frozenset())
    rows = connection.execute(select(folios.c.user_name, folios.c.user_email).where(is_his(subject))).all()
    wrote = connection.scalar(select(func.count()).where(func.lower(messages_in.c.sender).in_(sorted(subject.emails))))
    called = connection.scalar(select(func.count()).select_from(call_notes).where(call_notes.c.caller_number.in_(sorted(subject.phones))))
    if not (rows or wrote or called):
        raise UnknownPerson(f'nothing is held about {text!r} of {client.key}: no user, folio, message or call. '
                            'Give the employee number, the e-mail address or the telephone.')
    names = {row.user_name for row in rows if row.user_name} - known_names
    emails = {row.user_email.casefold() for row in rows if row.user_email} - {email for one in people for email in one.emails}
    return Subject(client.key, subject.employee_number, frozenset(names), subject.emails | emails, subject.phones)
