"""Which folio a letter answers, from the books (mission.md 4.8). For use inside a transaction."""
from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection, Table, func, select

from config.values import Client, Site
from ticketing.damm import is_valid
from ticketing.mail.decide import Answered, belongs, tokens_in
from ticketing.mail.reader import Letter
from ticketing.mail.tokens import address_token, same
from ticketing.tables import folios, messages_in, outbox
from ticketing.values import Intake, State

MAX_LOOKED_UP = 50                                     # ids of a letter that are looked up, the nearest first
MERGES = 5                                             # so many mergers are followed
_IN_SUBJECT = re.compile(r'\[folio (\d{4,16})\]', re.IGNORECASE | re.ASCII)
_ROOT = re.compile(r'<folio-(\d{4,16})@([^<>\s]+)>', re.IGNORECASE | re.ASCII)
_ANSWERED = select(folios.c.number, folios.c.client, folios.c.state, folios.c.waiting_for, folios.c.closed_at,
                   folios.c.modality, folios.c.user_email, folios.c.duplicate_of)


def answered_folio(connection: Connection, letter: Letter, site: Site, key: str) -> Answered | None:
    """The folio that a letter answers: by the token in an address of ours, else by what it refers to, else by its subject.

    A token and an id of a letter of ours prove themselves: nobody else knew them. The rest counts only from a sender of the folio's client,
    and from whoever reported it.
    """
    for number, by, proven in _hints(connection, letter, site, key):
        found = _merged(connection, number, by)
        if found is not None and (proven or _reported(found, letter.sender) or belongs(site, letter.sender, found.client)):
            return found
    return None


def _reported(found: Answered, sender: str) -> bool:
    return bool(sender) and (found.user_email or '').lower() == sender


def _hints(connection: Connection, letter: Letter, site: Site, key: str) -> Iterator[tuple[str, str, bool]]:
    """(number, what says so, whether it is proven), the strongest first."""
    for number, token in tokens_in(letter, site):
        if same(token, address_token(key, number)):
            yield number, 'address', True
    ids = tuple(dict.fromkeys((*letter.in_reply_to, *reversed(letter.references))))[:MAX_LOOKED_UP]
    for number in _numbers_of(connection, outbox, ids):
        yield number, 'references', True
    for number in _numbers_of(connection, messages_in, ids):
        yield number, 'references', False
    for told in ids:
        root = _ROOT.fullmatch(told)
        if root and root.group(2).lower() == site.mail.domain.lower():
            yield root.group(1), 'references', False
    for number in _IN_SUBJECT.findall(letter.subject):
        yield number, 'subject', False


def _numbers_of(connection: Connection, table: Table, ids: tuple[str, ...]) -> tuple[str, ...]:
    """The folios of these messages, in the order of the ids."""
    if not ids:
        return ()
    wanted = select(table.c.message_id, folios.c.number).join(folios, folios.c.id == table.c.folio_id)
    found = {row.message_id: row.number for row in connection.execute(wanted.where(table.c.message_id.in_(ids)))}
    return tuple(found[told] for told in ids if told in found)


def _merged(connection: Connection, number: str, by: str) -> Answered | None:
    """The folio with this number, or the one that it was merged into."""
    for _ in range(MERGES):
        row = connection.execute(_ANSWERED.where(folios.c.number == number)).first() if is_valid(number) else None
        if row is None:
            return None
        if row.state != State.CANCELLED or row.duplicate_of is None:
            return Answered(row.number, row.client, State(row.state), row.waiting_for, row.closed_at, row.modality, row.user_email, by)
        number = row.duplicate_of
    return None


def strangers_lately(connection: Connection, client: Client | None, now: datetime) -> int:
    """How many folios the letters of a client's unlisted senders opened within the last hour."""
    if client is None:
        return 0
    its = folios.c
    lately = (its.client == client.key, its.opened_at > now - timedelta(hours=1), its.origin == 'email', its.unlisted)
    return int(connection.scalar(select(func.count()).where(*lately)) or 0)


def opened_lately(connection: Connection, sender: str, now: datetime) -> int:
    """How many folios the letters of a sender opened within the last hour."""
    lately = (messages_in.c.sender == sender, messages_in.c.received_at > now - timedelta(hours=1))
    return int(connection.scalar(select(func.count()).where(*lately, messages_in.c.outcome == Intake.OPENED.value)) or 0)
