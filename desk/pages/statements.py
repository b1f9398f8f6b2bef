"""Monthly statements: a client's contact takes those that were issued; those who lead also see drafts (mission.md 6.4, 7.5)."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from config.terms import Contract
from config.values import Site
from contracts.months import Month
from contracts.renderings import FORMATS, render
from contracts.statement import Statement
from contracts.statements import Issued, NoSuchMonth, Statements
from desk.desk import Desk
from desk.web.failures import not_found
from desk.web.frame import Answer, Visit, download
from desk.web.render import page

MONTHS_SHOWN = 13
INLINE = frozenset({'pdf'})                            # shown in the browser; everything else is saved
FORMAT_NAMES: Mapping[str, str] = {'pdf': 'PDF', 'xlsx': 'Excel', 'csv': 'CSV', 'json': 'JSON', 'html': 'Página web'}
GOING_ON, TO_ISSUE, ISSUED = 'en-curso', 'por-emitir', 'emitidos'
CHOICES: tuple[tuple[str, str], ...] = (('', 'todos'), (TO_ISSUE, 'por emitir'), (ISSUED, 'emitidos'), (GOING_ON, 'en curso'))


@dataclass(frozen=True)
class Line:
    """A client's month in the list. `state`: GOING_ON, TO_ISSUE (over, and a draft still) or ISSUED."""

    client: str
    name: str
    month: Month
    title: str
    state: str
    issued: Issued | None


def show_all(desk: Desk, visit: Visit) -> Answer:
    """Every client's months, the newest first; those that were issued stay, however old, and whoever is gone from the site."""
    site = desk.site()
    kept = {(one.client, one.month): one for one in Statements(desk.db, desk.site).list()}
    lines = _lines(site, kept, Month.of(visit.now.astimezone(site.zone).date()))
    names = {line.client: line.name for line in lines} | {client.key: client.name for client in site.clients.values()}
    client, shown = visit.query.get('cliente', ''), visit.query.get('mostrar', '')
    found = [line for line in lines if client in ('', line.client) and shown in ('', line.state)]
    return page(visit, 'statements.html.j2', title='Estados de cuenta', lines=found, formats=FORMAT_NAMES, zone=site.zone, chosen=client,
                shown=shown, choices=CHOICES, clients=sorted(names.items(), key=lambda one: one[1].casefold()))


def _lines(site: Site, kept: Mapping[tuple[str, Month], Issued], present: Month) -> list[Line]:
    """The months of all clients up to the present one, the newest first, clients by name."""
    known = {(client.key, month) for month in (present.plus(-back) for back in range(MONTHS_SHOWN)) for client in site.clients.values()
             if _has(client.contract, month)}
    lines = [Line(client, site.clients[client].name if client in site.clients else client, month, month.title,
                  ISSUED if (client, month) in kept else GOING_ON if month == present else TO_ISSUE, kept.get((client, month)))
             for client, month in known | set(kept)]
    by_name = sorted(lines, key=lambda line: (line.name.casefold(), line.client))
    return sorted(by_name, key=lambda line: line.month, reverse=True)


def _has(contract: Contract, month: Month) -> bool:
    """Whether a contract has a day in a month."""
    return (contract.since is None or contract.since <= month.last) and (contract.until is None or contract.until >= month.first)


def give(desk: Desk, visit: Visit) -> Answer:
    """A client's month in one format: the issued one, else a draft."""
    month = month_of(visit)
    if month is None or visit.words['format'] not in FORMATS:
        return not_found(visit)
    try:
        found = Statements(desk.db, desk.site).of(visit.words['client'], month, visit.now)
    except NoSuchMonth:
        return not_found(visit)
    return given(desk, visit, found)


def give_own(desk: Desk, visit: Visit) -> Answer:
    """A contact's own issued statement in one format; a draft is nobody's outside."""
    month = month_of(visit)
    if month is None or visit.words['format'] not in FORMATS or visit.who.client is None:
        return not_found(visit)
    found = Statements(desk.db, desk.site).issued(visit.who.client, month)
    return not_found(visit) if found is None else given(desk, visit, found)


def issued_of(desk: Desk, client: str) -> tuple[tuple[str, Issued], ...]:
    """A client's issued statements with their titles, for the contact's page."""
    return tuple((one.month.title, one) for one in Statements(desk.db, desk.site).list(client))


def month_of(visit: Visit) -> Month | None:
    """The month of the address; None for what is none."""
    try:
        return Month.parse(visit.words['month'])
    except ValueError:
        return None


def given(desk: Desk, visit: Visit, found: Statement) -> Answer:
    """The statement as a file."""
    wanted = FORMATS[visit.words['format']]
    made = render(found, visit.words['format'], desk.site().letterhead)
    draft = '' if found.issued_at else '-borrador'
    return download(made, wanted.content_type, f'estado-de-cuenta-{found.client}-{found.month}{draft}{wanted.extension}',
                    inline=visit.words['format'] in INLINE)
