"""An agent calls somebody about a folio with one click (mission.md 6.2): the attempt is stored before anybody dials (mission.md 7.3)."""
from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from config.contract import way_out
from config.phones import national
from config.values import Site
from storage.engine import Database
from ticketing.closing.steps import line_of, may_be_called
from ticketing.folio_rows import FOLIO, add_entry, folio_of, locked_folio
from ticketing.tables import folios, outbound_calls
from ticketing.values import EntryKind, Folio, NotAllowed, UnknownFolio

KIND = 'click_to_call'
PREFIX = 'mesa-ctc-'                                   # begins the linkedids of these calls
ENDED = {
    'answered': 'contestó', 'busy': 'estaba ocupado', 'no_answer': 'no contestó', 'failed': 'no se pudo llamar',
    'agent_gone': 'el agente no tomó su propio teléfono', 'lost': 'la llamada se interrumpió',
}


@dataclass(frozen=True)
class Reachable:
    """A number that may be called about a folio, in E.164, and whose it is."""

    number: str
    whose: str


@dataclass(frozen=True)
class Click:
    """A call to be placed now; it stands in `outbound_calls`. Numbers are E.164."""

    linkedid: str
    folio: str
    number: str
    trunk: str
    caller_id: str                                     # what it shows; '': nothing


def numbers_of(site: Site, folio: Folio) -> tuple[Reachable, ...]:
    """Whom an agent may call about a folio: who reported it, by his client's list and by the number he called from; the client's contact.

    Only numbers that a close call may go to as well.
    """
    client = site.clients.get(folio.report.client)
    if client is None:
        return ()
    user = next((one for one in client.users if one.employee_number == folio.report.employee_number), None)
    known = [(phone, user.name) for phone in user.phones] if user else []
    known += [(folio.report.caller_number, 'quien llamó')] if folio.report.caller_number else []
    known += [(client.contact.phone, f'contacto: {client.contact.name}')] if client.contact and client.contact.phone else []
    found: dict[str, str] = {}
    for number, whose in known:
        if may_be_called(site, client, number):
            found.setdefault(number, whose)
    return tuple(Reachable(number, whose) for number, whose in found.items())


class ClicksToCall:
    """The clicks of one database. Every method is one transaction and raises DatabaseUnavailable."""

    def __init__(self, db: Database, site: Callable[[], Site]) -> None:
        self._db = db
        self._site = site

    def numbers(self, folio: str) -> tuple[Reachable, ...]:
        """Whom an agent may call about a folio. Raises UnknownFolio."""
        with self._db.read() as connection:
            row = connection.execute(FOLIO.where(folios.c.number == folio)).first()
        if row is None:
            raise UnknownFolio(f'there is no folio {folio}')
        return numbers_of(self._site(), folio_of(row))

    def begin(self, folio: str, number: str, agent: str, now: datetime) -> Click:
        """Store a call of an agent to a number of a folio, told in its timeline, and answer it for the dialler.

        Raises UnknownFolio, and NotAllowed with a sentence for the agent: no such number of the folio, no way out, a call under way.
        """
        site = self._site()
        trunk = way_out(site)
        if agent not in site.agents:
            raise NotAllowed('Sólo un agente con teléfono puede llamar.')
        if trunk is None:
            raise NotAllowed('El sitio no tiene troncal de salida: no se puede llamar.')
        try:
            with self._db.write() as connection:
                return self._store(connection, site, folio, number, agent, now, trunk.name, trunk.caller_id)
        except IntegrityError:
            raise NotAllowed('Ya hay una llamada nuestra en curso a ese número.') from None

    def ended(self, linkedid: str, outcome: str, now: datetime) -> bool:
        """Note how such a call ended, one of ENDED; False when that is known already, or it was none of ours."""
        o = outbound_calls.c
        with self._db.write() as connection:
            found = connection.execute(select(o.id, o.folio_id, o.number).where(
                o.linkedid == linkedid, o.kind == KIND, o.ended_at.is_(None)).with_for_update()).first()
            if found is None:
                return False
            connection.execute(update(outbound_calls).where(o.id == found.id).values(ended_at=now, outcome=outcome))
            told = f'llamada a {national(found.number)}: {ENDED.get(outcome, outcome)}'
            add_entry(connection, found.folio_id, EntryKind.CALL, told, 'mesa', now)
            return True

    def in_flight(self) -> tuple[tuple[str, datetime], ...]:
        """The linkedids of the calls of which no end is known, and when they were stored."""
        o = outbound_calls.c
        with self._db.read() as connection:
            # By number, which is the order of the index of what is in flight: another one would read all that ever was.
            going_on = connection.execute(select(o.linkedid, o.kind, o.started_at).where(o.ended_at.is_(None)).order_by(o.number))
            return tuple((call.linkedid, call.started_at) for call in going_on if call.kind == KIND)

    def _store(self, connection: Connection, site: Site, number: str, called: str, agent: str, now: datetime, trunk: str,
               caller_id: str) -> Click:
        folio_id, folio = locked_folio(connection, number)
        if folio.report.complained_of == agent:
            raise UnknownFolio(f'there is no folio {number}')
        whose = next((one.whose for one in numbers_of(site, folio) if one.number == called), None)
        if whose is None:
            raise NotAllowed('Ese número no es de quien reportó el folio ni del contacto del cliente: no se llama.')
        linkedid = f'{PREFIX}{secrets.token_hex(8)}'
        connection.execute(insert(outbound_calls).values(
            linkedid=linkedid, kind=KIND, owner_id=folio_id, folio_id=folio_id, client=folio.report.client, number=called, started_at=now))
        add_entry(connection, folio_id, EntryKind.CALL, f'llamada del agente a {national(called)} ({whose})', agent, now, linkedid)
        line = line_of(site, folio)
        return Click(linkedid, folio.number, called, trunk, caller_id or (line.number if line else ''))
