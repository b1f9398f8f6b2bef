"""What the page of health tells: the doctor's look at the machine, and what only a running desk knows."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, format_timedelta
from sqlalchemy import func, literal, select, text

from ami_listener.connection import LinkState
from ami_listener.live import Live
from ami_listener.tables import calls
from callcenter.commands import doctor
from callcenter.instance import Instance
from callcenter.ledgering import doubtful_calls, doubts
from config.values import Site
from desk.health import Finding, Health, Look
from fax.books import FaxBook
from fax.values import FaxState
from storage.engine import Database, DatabaseUnavailable
from ticketing.closing.rows import IS_PENDING
from ticketing.mail.held import waiting_held
from ticketing.mail.outbox import Outbox
from ticketing.tables import close_calls, outbox
from ticketing.values import Sending

QUIET = timedelta(seconds=30)                          # a link that hears nothing for so long is none: it is pinged more often
LATE = timedelta(minutes=15)
MANY = 99
BOOKS_DOWN = 'La base de datos no responde, así que esto no se sabe.'


_STUCK = select(literal(1)).where(text("outbox.state IN ('waiting', 'sending')"))


def health_of(serving: Any, live: Live) -> Health:
    """The health of one `callcenter.services.Serving`."""
    instance: Instance = serving.instance
    zone = serving.standing().site.zone
    looks: list[Look] = [
        ('Central telefónica', lambda: telephone(live, datetime.now(UTC))),
        ('Base de datos', lambda: _said(doctor.database(instance))),
        ('Llamadas', _with_books(lambda: call_log(serving.db, zone, datetime.now(UTC)))),
        ('Costo de llamadas', _with_books(lambda: ledger(serving.db, serving.standing().site, datetime.now(UTC)))),
        ('Correo', _with_books(lambda: letters(serving.db, instance, serving.clock.now()))),
        ('Confirmaciones', _with_books(lambda: confirmations(serving.db, serving.clock.now()))),
        ('Fax', _with_books(lambda: faxes(serving.db, instance))),
        ('Sitio y calendarios', lambda: site(serving, instance)),
        ('Disco y contraseñas', lambda: _said(doctor.folder(instance))),
        ('Equipo', lambda: _said((*doctor.programs(), *doctor.asterisk(), *doctor.own_name())))]
    return Health(looks, lambda: datetime.now(UTC))


def telephone(live: Live, now: datetime) -> Iterator[Finding]:
    """The link over which the desk sees and orders."""
    heard = live.fresh_at
    age = f' Último dato: {_ago(now - heard)}.' if heard else ' Todavía no llega ningún dato.'
    if live.link_state is LinkState.DENIED:
        yield Finding('bad', f'Asterisk rechaza la contraseña de la mesa. Ejecute mesa config apply para escribirla otra vez.{age}')
    elif live.link_state is not LinkState.UP:
        yield Finding('bad', f'No hay conexión con Asterisk: el tablero y las tarjetas de llamada no tienen datos. Vea mesa status.{age}')
    elif not live.is_fresh or heard is None or now - heard > QUIET:
        yield Finding('warning', 'Hay conexión con Asterisk, pero su imagen todavía no está completa.' + age)
    else:
        yield Finding('ok', 'Hay conexión con Asterisk y sus datos están al día.' + age)


def call_log(db: Database, zone: ZoneInfo, now: datetime) -> Iterator[Finding]:
    """How new the newest call is, and whether calls are left in progress that cannot be."""
    with db.read() as connection:
        last = connection.scalar(select(func.max(calls.c.started)))
    if last is None:
        yield Finding('ok', 'Todavía no hay llamadas en el registro.')
    else:
        at = format_datetime(last, "d 'de' MMMM 'de' y, HH:mm", tzinfo=zone, locale='es_MX')
        yield Finding('ok', f'La última llamada del registro empezó el {at} ({_ago(now - last)}).')


def ledger(db: Database, site_: Site, now: datetime) -> Iterator[Finding]:
    """Calls out that nobody pays yet."""
    yield from _said(doctor.Finding(*told) for told in doubtful_calls(*doubts(db, site_, now)))


def letters(db: Database, instance: Instance, now: datetime) -> Iterator[Finding]:
    """Where they go, and those that a person must look at."""
    yield from _said(doctor.mail(instance))
    with db.read() as connection:
        stuck = connection.scalar(select(func.count()).select_from(_STUCK.where(outbox.c.due < now - LATE).limit(MANY).subquery())) or 0
        held = waiting_held(connection, MANY)
    if stuck:
        yield Finding('warning', f'{_many(stuck, "correo espera", "correos esperan")} desde hace más de 15 minutos. '
                                 'Vea mesa outbox list y el servidor de correo.')
    wrong = len(Outbox(db).list((Sending.FAILED, Sending.DOUBTFUL), MANY))
    yield Finding('warning', f'{_many(wrong, "correo no se entregó o quedó", "correos no se entregaron o quedaron")} en duda. Decida con '
                             'mesa outbox list, retry o drop.') if wrong else Finding('ok', 'Ningún correo quedó sin entregar.')
    if held:
        yield Finding('warning', f'{_many(held, "correo recibido espera", "correos recibidos esperan")} la decisión de una persona. '
                                 'Vea mesa mail list.')


def confirmations(db: Database, now: datetime) -> Iterator[Finding]:
    """Resolved folios whose confirmation should have been asked for by now."""
    late = select(literal(1)).where(IS_PENDING, close_calls.c.state == 'waiting', close_calls.c.next_at < now - LATE).limit(MANY)
    with db.read() as connection:
        many = connection.scalar(select(func.count()).select_from(late.subquery())) or 0
    yield Finding('warning', f'{_many(many, "llamada de cierre está atrasada", "llamadas de cierre están atrasadas")}. '
                             'Vea mesa close-call list.') if many else Finding('ok', 'Las llamadas de cierre van a tiempo.')


def faxes(db: Database, instance: Instance) -> Iterator[Finding]:
    """The fax server link by link, and the faxes that wait for a person."""
    counts = FaxBook(db).counts()
    decide = counts[FaxState.QUARANTINED] + counts[FaxState.UNDELIVERED]
    if decide:
        yield Finding('warning', f'{_many(decide, "fax espera", "faxes esperan")} la decisión de una persona. Vea mesa fax list.')
    if counts[FaxState.HELD]:
        yield Finding('ok', f'{_many(counts[FaxState.HELD], "fax retenido", "faxes retenidos")} hasta la próxima apertura.')
    yield from _said(doctor.fax_server(instance))


def site(serving: Any, instance: Instance) -> Iterator[Finding]:
    """What is in force."""
    yield Finding('ok', f'Se trabaja con la configuración número {int(serving.standing.generation)}.')
    yield from _said(doctor.site(instance))


def _with_books(look: Callable[[], Iterable[Finding]]) -> Callable[[], Iterator[Finding]]:
    def looked() -> Iterator[Finding]:
        try:
            yield from look()
        except DatabaseUnavailable:
            yield Finding('bad', BOOKS_DOWN)
    return looked


def _said(found: Iterable[doctor.Finding]) -> Iterator[Finding]:
    return (Finding(one.level, one.says or one.text) for one in found)


def _ago(age: timedelta) -> str:
    return str(format_timedelta(-max(age, timedelta()), add_direction=True, locale='es_MX', threshold=0.95))


def _many(number: int, one: str, several: str) -> str:
    """'1 fax espera', '12 faxes esperan', '99 o más faxes esperan'."""
    return f'{number} {one}' if number == 1 else f'{number}{" o más" if number >= MANY else ""} {several}'
