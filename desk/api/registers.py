"""What a program may look up beside folios: itself, calls, faxes, users, lines."""
from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, or_, select, true

from ami_listener.call_log import CallLog
from ami_listener.tables import calls
from config.contract import calendar_for
from config.hours import opening
from config.values import Line, Override, Site
from desk.accounts.values import Person
from desk.api.models import (
    CallGiven,
    Calls,
    CallsAsked,
    CallShown,
    Faxes,
    FaxesAsked,
    FaxGiven,
    LegGiven,
    LineGiven,
    Lines,
    Me,
    UserAsked,
    UserGiven,
)
from desk.api.reading import fields_of, given, query_of, scope_of
from desk.desk import Desk
from desk.web.frame import Answer, Visit
from fax.books import FaxBook
from fax.values import FaxState
from ticketing.directory import Directory
from ticketing.finding.keys import EPOCH, BadPage
from ticketing.overrides import Overrides
from ticketing.tables import folios
from ticketing.values import NotAllowed, UnknownFolio

MICROSECOND = timedelta(microseconds=1)


def me(desk: Desk, visit: Visit) -> Answer:
    """Whom the token stands for."""
    who = visit.who
    return given(Me(name=who.login, role=who.role.value, client=who.client))


def list_calls(desk: Desk, visit: Visit) -> Answer:
    """A page of the call log."""
    asked, who = query_of(CallsAsked, visit), visit.who
    visible = _visible(desk.site(), who)
    if asked.folio is not None:
        visible = visible & (calls.c.folio == asked.folio)
    found = CallLog(desk.db).page(visible, asked.limit + 1, _call_key(asked.cursor))
    page = found[:asked.limit]
    return given(Calls(items=[CallGiven(**fields_of(CallGiven, call)) for call in page],
                       next=_call_token(page[-1].started, page[-1].linkedid) if len(found) > asked.limit else None))


def show_call(desk: Desk, visit: Visit) -> Answer:
    """A call with its legs."""
    visible = _visible(desk.site(), visit.who) & (calls.c.linkedid == visit.words['linkedid'])
    found = CallLog(desk.db).page(visible, 1)
    if not found:
        raise UnknownFolio(f'there is no call {visit.words["linkedid"]}')
    call = found[0]
    return given(CallShown(**fields_of(CallGiven, call), legs=[LegGiven(**fields_of(LegGiven, leg)) for leg in call.legs]))


def list_faxes(desk: Desk, visit: Visit) -> Answer:
    """A page of received faxes."""
    asked = query_of(FaxesAsked, visit)
    if asked.cursor is not None and not (asked.cursor.isdigit() and len(asked.cursor) < 16):
        raise BadPage(f'{asked.cursor[:40]!r} is not where a page begins')
    states = (FaxState(asked.state),) if asked.state else ()
    found = FaxBook(desk.db).page(scope_of(visit.who), states, asked.limit + 1, int(asked.cursor) if asked.cursor else None)
    page = found[:asked.limit]
    return given(Faxes(items=[FaxGiven(**fields_of(FaxGiven, each)) for each in page],
                       next=str(page[-1].id) if len(found) > asked.limit else None))


def find_user(desk: Desk, visit: Visit) -> Answer:
    """A user on a client's list."""
    asked = query_of(UserAsked, visit)
    if (asked.employee_number is None) == (asked.phone is None):
        raise NotAllowed('say who: employee_number or phone')
    client = scope_of(visit.who, visit.words['client']) or ''
    directory = Directory(desk.site().clients)
    user = (directory.by_phone(client, asked.phone) if asked.phone is not None
            else directory.by_employee_number(client, asked.employee_number or ''))
    if user is None:
        raise UnknownFolio('there is no such user')
    return given(UserGiven(**fields_of(UserGiven, user)))


def list_lines(desk: Desk, visit: Visit) -> Answer:
    """The lines that the token sees."""
    site, overrides = desk.site(), Overrides(desk.db).current(visit.now)
    return given(Lines(items=[_line(site, line, overrides, visit.now) for line in site.lines.values() if _is_his(line, visit.who)]))


def show_line(desk: Desk, visit: Visit) -> Answer:
    """One line."""
    site = desk.site()
    line = site.lines.get(visit.words['number'])
    if line is None or not _is_his(line, visit.who):
        raise UnknownFolio('there is no such line')
    return given(_line(site, line, Overrides(desk.db).current(visit.now), visit.now))


def _is_his(line: Line, who: Person) -> bool:
    return who.client is None or line.client == who.client


def _line(site: Site, line: Line, overrides: tuple[Override, ...], now: datetime) -> LineGiven:
    calendar = calendar_for(site, line, None)
    mine = [override for override in (*site.overrides, *overrides) if override.line == line.number]
    state = opening(calendar, site.holidays, mine, now)
    return LineGiven(number=line.number, client=line.client, modality=line.modality.value, calendar=line.calendar, zone=calendar.zone.key,
                     queue=line.queue, open=state.open, reason=state.reason.value, changes_at=state.until)


def _visible(site: Site, who: Person) -> ColumnElement[bool]:
    """The calls of a client are those on his lines, and those about his folios; those of all are not all of somebody's."""
    if who.client is None:
        return true()
    lines = [line.number for line in site.lines.values() if line.client == who.client]
    return or_(calls.c.line.in_(lines), calls.c.folio.in_(select(folios.c.number).where(folios.c.client == who.client)))


def _call_token(started: datetime, linkedid: str) -> str:
    return base64.urlsafe_b64encode(f'{(started - EPOCH) // MICROSECOND} {linkedid}'.encode()).decode().rstrip('=')


def _call_key(token: str | None) -> tuple[datetime, str] | None:
    """Where a page of calls begins. Raises BadPage."""
    if token is None:
        return None
    try:
        at, _, linkedid = base64.urlsafe_b64decode(token + '=' * (-len(token) % 4)).decode().partition(' ')
        if not (at.isascii() and at.isdigit() and len(at) < 18 and linkedid.isprintable() and linkedid):
            raise ValueError('no key')
    except (ValueError, binascii.Error) as error:
        raise BadPage(f'{token[:40]!r} is not where a page begins') from error
    return (EPOCH + int(at) * MICROSECOND).astimezone(UTC), linkedid
