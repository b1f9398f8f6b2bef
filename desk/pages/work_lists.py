"""The work lists: mine, my groups', what is due soon, what nobody has, and all that is open (mission.md 6.2)."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from config.values import Site
from desk.accounts.values import Person
from desk.desk import Desk
from desk.folios.viewing import is_vip, name_of, viewer_of
from desk.web.frame import Answer, Visit
from desk.web.render import page
from ticketing.finding.keys import BadPage, Page
from ticketing.finding.work_lists import WorkLists, groups_of
from ticketing.lists import WorkItem
from ticketing.spanish import MODALITIES

SOON = timedelta(hours=2)                              # «Por vencer»: promised so soon, or overdue
A_PAGE = 50
MINE, GROUP, SOON_TAB, FREE, ALL = 'mias', 'grupo', 'por-vencer', 'sin-asignar', 'todas'
TITLES: Mapping[str, str] = {MINE: 'Míos', GROUP: 'Mi grupo', SOON_TAB: 'Por vencer', FREE: 'Sin asignar', ALL: 'Todos'}
EMPTY: Mapping[str, str] = {
    MINE: 'No tiene folios abiertos.', GROUP: 'Sus grupos no tienen folios abiertos.', SOON_TAB: 'Nada vence en las próximas dos horas.',
    FREE: 'Todos los folios abiertos tienen quien los atienda.', ALL: 'No hay folios abiertos.',
}


@dataclass(frozen=True)
class Row:
    """A folio as a line of a list."""

    item: WorkItem
    client: str
    holder: str
    category: str
    modality: str
    vip: bool
    overdue: bool


def show(desk: Desk, visit: Visit) -> Answer:
    """A list, and how many stand in each of the others."""
    tab = visit.query.get('lista', '') if visit.query.get('lista', '') in TITLES else MINE
    site = desk.site()
    client = visit.query.get('cliente', '') if visit.query.get('cliente', '') in site.clients else None
    try:
        found = _page(desk, site, visit.who, tab, client, visit.query.get('desde'), visit.now)
    except BadPage:
        found = _page(desk, site, visit.who, tab, client, None, visit.now)
    tabs = WorkLists(desk.db).tabs(viewer_of(visit.who), groups_of(site, visit.who.login), visit.now + SOON)
    counts = dict(zip(TITLES, (tabs.mine, tabs.groups, tabs.breaching, tabs.unassigned, tabs.open), strict=True))
    return page(visit, 'folios.html.j2', title='Folios', tab=tab, titles=TITLES, counts=counts, empty=EMPTY[tab], zone=site.zone,
                rows=[row_of(site, item, visit.now) for item in found.items], clients=site.clients, client=client or '',
                next_page=_address(tab, client, found.after) if found.after else '', first=not visit.query.get('desde'),
                first_page=_address(tab, client, ''))


def row_of(site: Site, item: WorkItem, now: datetime) -> Row:
    """A folio for a list."""
    client = site.clients.get(item.client)
    groups = client.groups if client else {}
    group = groups.get(item.resolver_group or '')
    holder = name_of(site, item.agent) if item.holder == 'agent' else group.title if group else item.resolver_group or ''
    return Row(item, client.name if client else item.client, holder, _category(site, item), MODALITIES.get(item.modality, item.modality),
               is_vip(client, item.modality, item.employee_number), item.promised is not None and item.promised < now)


def _page(desk: Desk, site: Site, person: Person, tab: str, client: str | None, after: str | None, now: datetime) -> Page[WorkItem]:
    lists, viewer = WorkLists(desk.db), viewer_of(person)
    if tab == MINE:
        return lists.mine(viewer, A_PAGE, after, client)
    if tab == GROUP:
        groups = [group for group in groups_of(site, person.login) if client in (None, group[0])]
        return lists.of_groups(viewer, groups, A_PAGE, after)
    if tab == SOON_TAB:
        return lists.breaching(viewer, now + SOON, client, A_PAGE, after)
    if tab == FREE:
        return lists.unassigned(viewer, client, A_PAGE, after)
    return lists.all_open(viewer, client, A_PAGE, after)


def _address(tab: str, client: str | None, after: str) -> str:
    asked = {'lista': tab} | ({'cliente': client} if client else {}) | ({'desde': after} if after else {})
    return f'/folios?{urlencode(asked)}'


def _category(site: Site, item: WorkItem) -> str:
    client = site.clients.get(item.client)
    known = client.categories if client else ()
    return next((one.title for one in known if one.name == item.category), item.category or '')
