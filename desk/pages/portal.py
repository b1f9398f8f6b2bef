"""The pages of a client's contact: his client's folios, what waits for his confirmation, months (mission.md 6.4). Nobody else's, ever."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select

from config.values import Site
from contracts.months import Month
from desk.confirming.answers import COMMENT_CHARACTERS, zone_of
from desk.desk import Desk
from desk.folios.told import told_folio
from desk.pages.statements import FORMAT_NAMES, issued_of
from desk.web.failures import not_found
from desk.web.frame import Answer, Visit, see_other
from desk.web.render import page
from ticketing.closing.rows import PENDING
from ticketing.finding.keys import BadPage, Page
from ticketing.finding.viewers import Viewer
from ticketing.finding.work_lists import WorkLists
from ticketing.lists import MonthCounts, WorkItem
from ticketing.spanish import CONFIRMATIONS, KINDS, MODALITIES, STATES
from ticketing.tables import close_calls, folios
from ticketing.values import Folio, FolioChanged, IllegalMove, NotAllowed, State

MONTHS_SHOWN = 12
A_PAGE = 50
OPEN, ALL = 'abiertos', 'todos'
LIST, CONFIRMATIONS_PAGE = '/cliente/folios', '/cliente/confirmaciones'
CHANGED = 'El folio cambió mientras usted lo leía, o alguien más ya respondió. No se guardó nada: revise y decida otra vez.'
SAY_WHY = 'Escriba qué falta: así la persona que lo atienda sabe por dónde continuar.'
CONFIRMED, REOPENED = 'Gracias. Quedó registrado que está resuelto.', 'Gracias. El folio se reabrió y se sigue atendiendo.'


@dataclass(frozen=True)
class Asked:
    """A resolution that waits for the contact's word. `deadline`: of the letter, None before there is one."""

    folio: Folio
    state: str
    deadline: datetime | None
    zone: ZoneInfo


@dataclass(frozen=True)
class MonthRow:
    """A month of the table: its name, whether it is still going on, and its counts."""

    title: str
    going_on: bool
    counts: MonthCounts


def show_folios(desk: Desk, visit: Visit) -> Answer:
    """His client's folios, the newest first, page by page."""
    chosen = visit.query.get('estado', OPEN)
    state = State(chosen) if chosen in set(State) else None
    try:
        found = _page_of(desk, visit, state, chosen != ALL and state is None, visit.query.get('desde'))
    except BadPage:
        return see_other(LIST)
    site = desk.site()
    return page(
        visit, 'portal_folios.html.j2', title='Mis folios', found=found, chosen=state.value if state else ALL if chosen == ALL else OPEN,
        choices=((OPEN, 'abiertos'), (ALL, 'todos'), *((one.value, STATES[one]) for one in State)), site=site,
        zones={item.number: zone_of(site, item.line) for item in found.items}, client=_client_name(desk, visit), modalities=MODALITIES)


def show_folio(desk: Desk, visit: Visit) -> Answer:
    """One folio, as far as it is told to a client."""
    folio = _own(desk, visit, visit.words['number'])
    return not_found(visit) if folio is None else _folio(desk, visit, folio)


def show_confirmations(desk: Desk, visit: Visit) -> Answer:
    """What waits for his yes or no."""
    says = {'si': CONFIRMED, 'no': REOPENED}.get(visit.query.get('hecho', ''), '')
    return page(visit, 'portal_confirmations.html.j2', title='Por confirmar', asked=_asked(desk, visit), done=says,
                client=_client_name(desk, visit), states=CONFIRMATIONS)


def answer(desk: Desk, visit: Visit) -> Answer:
    """His yes or no; it counts for the folio as he saw it."""
    asked = next((one for one in _asked(desk, visit) if one.folio.number == visit.words['number']), None)
    own = _own(desk, visit, visit.words['number'])
    if own is None:
        return not_found(visit)
    solved, seen = visit.form.get('answer') == 'yes', visit.form.get('version', '')
    comment = visit.form.get('comment', '')[:COMMENT_CHARACTERS]
    if asked is None or not (seen.isascii() and seen.isdigit() and len(seen) < 10):
        return _folio(desk, visit, own, CHANGED, 409)
    if not solved and not comment:
        return _folio(desk, visit, own, SAY_WHY, 422)
    try:
        _store(desk, visit, own.number, solved, comment, int(seen))
    except (IllegalMove, FolioChanged, NotAllowed):
        return _folio(desk, visit, _own(desk, visit, own.number) or own, CHANGED, 409)
    desk.accounts.note(visit.who.login, 'confirmed' if solved else 'refused', own.number, address=visit.address, now=visit.moment)
    return see_other(f'{CONFIRMATIONS_PAGE}?hecho={"si" if solved else "no"}')


def show_months(desk: Desk, visit: Visit) -> Answer:
    """The issued statements, and the last twelve months in numbers, the present one first."""
    zone = desk.site().zone
    present = Month.of(visit.now.astimezone(zone).date())
    months = [present.plus(-back) for back in range(MONTHS_SHOWN)]
    rows = [MonthRow(month.title, month == present, desk.lists.month_counts(_client(visit), month.year, month.month, zone))
            for month in months]
    return page(visit, 'portal_months.html.j2', title='Estados de cuenta', rows=rows, client=_client_name(desk, visit), kinds=KINDS,
                issued=issued_of(desk, _client(visit)), formats=FORMAT_NAMES, zone=zone)


# --- steps --------------------------------------------------------------------------------------------------------------

def _store(desk: Desk, visit: Visit, number: str, solved: bool, comment: str, version: int) -> None:
    if solved:
        desk.lifecycle.confirm(number, by='contact', via='page', now=visit.now, comment=comment, party='contact', expected=version)
    else:
        desk.lifecycle.reopen(number, reason=comment, by='contact', now=visit.now, via='page', expected=version)


def _folio(desk: Desk, visit: Visit, folio: Folio, says: str = '', status: int = 200) -> Answer:
    site = desk.site()
    asked = next((one for one in _asked(desk, visit) if one.folio.number == folio.number), None)
    return page(visit, 'portal_folio.html.j2', status, title=f'Folio {folio.number}', told=told_folio(desk.db, site, folio), folio=folio,
                zone=zone_of(site, folio.report.line), asked=asked, says=says, comment=visit.form.get('comment', ''),
                modality=MODALITIES.get(folio.report.modality, folio.report.modality), characters=COMMENT_CHARACTERS)


def _own(desk: Desk, visit: Visit, number: str) -> Folio | None:
    """A folio of his client; another's is None, exactly like an unknown one."""
    folio = desk.folios.find(number, _client(visit))
    return folio if folio is not None and _viewer(visit).sees(folio) else None


def _asked(desk: Desk, visit: Visit) -> tuple[Asked, ...]:
    """The resolutions of his client that wait for the contact, the longest waiting first."""
    site, c = desk.site(), close_calls.c
    wanted = select(folios.c.number, c.state, c.deadline, c.cycle).join(folios, folios.c.id == c.folio_id).where(
        c.client == _client(visit), folios.c.client == _client(visit), c.party == 'contact', c.state.in_(PENDING),
        folios.c.state == State.RESOLVED.value, folios.c.reopens == c.cycle).order_by(c.id).limit(200)
    with desk.db.read() as connection:
        rows = connection.execute(wanted).all()
    found = ((row, _own(desk, visit, row.number)) for row in rows)
    return tuple(Asked(folio, row.state, row.deadline, zone_of(site, folio.report.line)) for row, folio in found if folio is not None)


def _page_of(desk: Desk, visit: Visit, state: State | None, only_open: bool, after: str | None) -> Page[WorkItem]:
    return WorkLists(desk.db).of_client(_viewer(visit), _client(visit), state, only_open, A_PAGE, after)


def _viewer(visit: Visit) -> Viewer:
    return Viewer(visit.who.login, client=_client(visit))


def _client(visit: Visit) -> str:
    assert visit.who.client is not None                # the table of routes lets only contacts in, and each has one
    return visit.who.client


def _client_name(desk: Desk, visit: Visit) -> str:
    site: Site = desk.site()
    client = site.clients.get(_client(visit))
    return client.name if client else _client(visit)
