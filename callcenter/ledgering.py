"""The duty that keeps the ledger of outbound calls, and who is told of what it cannot tie or price (mission.md 7.3).

Calls are by the machine's clock, which Asterisk goes by; letters by Mesa's, which a demo may stop.
"""
from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, Literal

from sqlalchemy import Connection, text, update

from config.phones import national
from config.values import Site
from contracts.ledger import UNLINKED, Ledger, LedgerLine, count_doubtful, doubtful
from contracts.ledger_tables import UNTOLD, outbound_ledger
from contracts.months import Month
from storage.engine import Database
from ticketing.mail.held import listeners
from ticketing.mail.outbox import Notice
from ticketing.notices import release_without_folio, send
from ticketing.tables import outbox

log = logging.getLogger('mesa.ledger')
NOTICE, KEY = 'warning', 'doubtful calls'
AGAIN_S = 300.0                                        # between two looks at doubtful lines: a fax is tied when HylaFAX has told of it
PATIENT = timedelta(minutes=15)                        # before anybody is told
LOOKED_BACK = timedelta(days=40)
NAMED = 20                                             # calls that a letter names
PROBLEMS = {
    'no_tariff': 'no hay tarifa vigente', 'no_prefix': 'ningún prefijo de la tarifa corresponde', 'no_number': 'no se sabe a qué número',
}


class LedgerRounds:
    """Rates what the call log has stored, looks again at what is doubtful, and tells the supervisors, at most once a day.

    `now` is Mesa's clock, `machine` that of Asterisk, `seconds` one that nobody sets.
    """

    def __init__(self, db: Database, site: Callable[[], Site], now: Callable[[], datetime],
                 machine: Callable[[], datetime] = lambda: datetime.now(UTC), seconds: Callable[[], float] = monotonic) -> None:
        self._db = db
        self._site = site
        self._now = now
        self._machine = machine
        self._seconds = seconds
        self._ledger = Ledger(db, site)
        self._looked: float | None = None

    def round(self) -> int:
        """One round; how many calls were rated. It may be cut off anywhere. Raises DatabaseUnavailable."""
        rated = self._ledger.round(self._machine())
        if self._looked is None or self._seconds() - self._looked >= AGAIN_S:
            changed = self._ledger.again(self._machine())
            if changed:
                log.info('%d calls out are tied or priced now', changed)
            self._tell()
            self._looked = self._seconds()
        return rated

    def _tell(self) -> None:
        machine, now, site = self._machine(), self._now(), self._site()
        if not self._untold(machine):
            return
        with self._db.write() as connection:
            self._db.lock(connection, KEY)
            fresh = tuple(line for line in _doubtful(connection, machine) if not _told(connection, line))
            if not fresh:
                return
            day = now.astimezone(site.zone).date()
            notices = [Notice(key=f'{KEY}:{day}:{agent.login[:64]}', name=NOTICE, recipient=agent.email, client=None, folio_id=None,
                              facts={'text': words(fresh, site)}) for agent in listeners(site, None)]
            if not notices or _posted(connection, notices[0].key):
                return                                 # tomorrow
            send(connection, notices, site, release_without_folio(site, None, now), now)
            for line in fresh:
                connection.execute(update(outbound_ledger).where(
                    outbound_ledger.c.linkedid == line.linkedid, outbound_ledger.c.position == line.position).values(told_at=machine))
        log.warning('%d calls out are tied to no folio, or have no price: mesa ledger --unlinked, mesa ledger --unpriced', len(fresh))

    def _untold(self, machine: datetime) -> bool:
        with self._db.read() as connection:
            found = outbound_ledger.select().where(text(UNTOLD), outbound_ledger.c.at < machine - PATIENT).limit(1)
            return connection.execute(found).first() is not None


def ledger_rounds(serving: Any) -> LedgerRounds:
    """The duty; `serving` is `callcenter.services.Serving`."""
    return LedgerRounds(serving.db, lambda: serving.standing().site, serving.clock.now)


def doubts(db: Database, site: Site, machine: datetime) -> tuple[int, int]:
    """How many calls out of this month and the last are tied to nothing, and how many have no price. Raises DatabaseUnavailable."""
    since, _ = Month.of(machine.astimezone(site.zone).date()).plus(-1).span(site.zone)
    with db.read() as connection:
        return count_doubtful(connection, since)


def doubtful_calls(unlinked: int, unpriced: int) -> Iterator[tuple[Literal['ok', 'warning'], str, str]]:
    """The findings about so many: level, English, Spanish."""
    if unlinked:
        yield ('warning', f'{unlinked} calls out of this month and the last are tied to no folio or fax: mesa ledger --unlinked',
               f'Llamadas de salida de este mes y del anterior sin folio ni fax: {unlinked}. Vea mesa ledger --unlinked.')
    if unpriced:
        yield ('warning', f'{unpriced} calls out of this month and the last have no price: mesa ledger --unpriced, mend the tariffs, '
                          'mesa ledger rerate',
               f'Llamadas de salida de este mes y del anterior sin precio: {unpriced}. Vea mesa ledger --unpriced, corrija las tarifas y '
               'ejecute mesa ledger rerate.')
    if not unlinked and not unpriced:
        yield 'ok', 'every call out of this month and the last has its price and what it was for', \
            'Todas las llamadas de salida de este mes y del anterior tienen motivo y precio.'


def words(fresh: Sequence[LedgerLine], site: Site) -> str:
    """What the letter says, in Spanish."""
    told = [f'{line.at.astimezone(site.zone):%d/%m/%Y %H:%M}, al {_number(line)}, {line.seconds} s: {why(line)}' for line in fresh[:NAMED]]
    if len(fresh) > NAMED:
        told.append(f'… y {len(fresh) - NAMED} más')
    begin = 'Una llamada de salida' if len(fresh) == 1 else f'{len(fresh)} llamadas de salida'
    return '\n'.join((f'{begin} sin folio o sin precio, así que nadie {"la" if len(fresh) == 1 else "las"} paga todavía:', '', *told, '',
                      'Para verlas: mesa ledger --unlinked y mesa ledger --unpriced. Después de corregir las tarifas: mesa ledger rerate.'))


def why(line: LedgerLine) -> str:
    """What is doubtful about a line, in Spanish."""
    said = ['no corresponde a ningún folio, cierre, devolución ni fax'] if line.purpose == UNLINKED else []
    return '; '.join(said + ([PROBLEMS.get(line.problem, line.problem)] if line.amount is None else []))


def _number(line: LedgerLine) -> str:
    try:
        return national(line.number)
    except ValueError:
        return line.number or 'número desconocido'


def _doubtful(connection: Connection, machine: datetime) -> tuple[LedgerLine, ...]:
    return doubtful(connection, machine - LOOKED_BACK, machine - PATIENT)


def _told(connection: Connection, line: LedgerLine) -> bool:
    found = outbound_ledger.select().where(outbound_ledger.c.linkedid == line.linkedid, outbound_ledger.c.position == line.position)
    row = connection.execute(found).first()
    return row is None or row.told_at is not None


def _posted(connection: Connection, key: str) -> bool:
    return connection.execute(outbox.select().where(outbox.c.key == key)).first() is not None
