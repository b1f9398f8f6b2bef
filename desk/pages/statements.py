"""Monthly statements: a client's contact takes those that were issued; those who lead also see drafts (mission.md 6.4, 7.5)."""
from __future__ import annotations

from dataclasses import dataclass

from contracts.bill import month_title
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


@dataclass(frozen=True)
class Line:
    """A client's month in the list: `issued` None while it is a draft."""

    client: str
    name: str
    month: Month
    title: str
    issued: Issued | None


def show_all(desk: Desk, visit: Visit) -> Answer:
    """Every client's months, the newest first."""
    site, kept = desk.site(), Statements(desk.db, desk.site).list()
    issued = {(one.client, one.month): one for one in kept}
    present = Month.of(visit.now.astimezone(site.zone).date())
    lines = [Line(client.key, client.name, month, month_title(month), issued.get((client.key, month)))
             for month in (present.plus(-back) for back in range(MONTHS_SHOWN)) for client in site.clients.values()
             if (client.contract.since is None or client.contract.since <= month.last)
             and (client.contract.until is None or client.contract.until >= month.first)]
    return page(visit, 'statements.html.j2', title='Estados de cuenta', lines=lines, formats=FORMATS, present=present)


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
    return tuple((month_title(one.month), one) for one in Statements(desk.db, desk.site).list(client))


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
