"""A folio by hand, for somebody who came by no line: the client first, then who reports and what it is (mission.md 3.3, 4.1)."""
from __future__ import annotations

from collections.abc import Mapping

from config.values import Client, Line, Site, User
from desk.desk import Desk
from desk.folios.sheet import supported
from desk.folios.viewing import Typed, shown_number
from desk.web.frame import Answer, Visit, json_answer, see_other
from desk.web.render import page
from ticketing.by_hand import ByHand, report_by_hand
from ticketing.directory import matching
from ticketing.spanish import MODALITIES
from ticketing.values import TicketingError

DRAFT = 'nuevo'
MOST_USERS = 12
SEVERAL = 'Hay más de un usuario así: elija el suyo.'
NONE_SUCH = 'Ningún usuario de la lista es así. Deje el campo vacío y escriba su correo.'


def show(desk: Desk, visit: Visit) -> Answer:
    """The form of a client; without one, the choice of a client."""
    return _form(desk, visit, visit.query.get('cliente', ''), {'usuario': visit.query.get('usuario', '')})


def users(desk: Desk, visit: Visit) -> Answer:
    """The users of a client whom some words fit, for the form's suggestions."""
    client = desk.site().clients.get(visit.query.get('cliente', ''))
    found = matching(client.users, visit.query.get('q', '')[:100], MOST_USERS) if client else ()
    return json_answer([_suggestion(user) for user in found])


def create(desk: Desk, visit: Visit) -> Answer:
    """Open it and show it; what a rule refuses comes back with what was typed."""
    form, site = visit.form, desk.site()
    client = site.clients.get(form.get('cliente', ''))
    if client is None:
        return _form(desk, visit, '', form, 'Elija un cliente de la lista.')
    number, found = _who(client, form.get('usuario', ''))
    if form.get('usuario') and number is None:
        says = SEVERAL if found else NONE_SUCH
        return _form(desk, visit, client.key, form, says, found)
    said = ByHand(
        client=client.key, summary=form.get('resumen', ''), employee_number=number, email=form.get('correo') or None,
        line=form.get('linea') or None, description=form.get('descripcion') or None, kind=form.get('tipo', 'failure'),
        complained_of=form.get('sobre') or None, impact=form.get('impacto', 'medium'), urgency=form.get('urgencia', 'medium'),
        category=form.get('categoria') or None, application=form.get('aplicacion') or None)
    try:
        folio = desk.lifecycle.open(report_by_hand(site, said, visit.who.login, visit.now), visit.now)
    except TicketingError as error:
        return _form(desk, visit, client.key, form, error.told or str(error))
    if folio.report.kind == 'complaint':
        return see_other(f'/folios?guardado={DRAFT}')
    return see_other(f'/folios/{folio.number}?guardado={DRAFT}')


def lines_of(site: Site, client: Client) -> tuple[Line, ...]:
    """The lines of a client on which help is given."""
    return tuple(line for line in site.lines.values() if line.client == client.key and line.queue is not None)


def _who(client: Client, typed: str) -> tuple[str | None, tuple[User, ...]]:
    """The employee number that was meant, or else those whom the words fit."""
    first = typed.split(' ', 1)[0]
    if any(user.employee_number == first for user in client.users):
        return first, ()
    found = matching(client.users, typed, MOST_USERS)
    return (found[0].employee_number, ()) if len(found) == 1 else (None, found)


def _suggestion(user: User) -> dict[str, str]:
    told = (user.site, ', '.join(map(shown_number, user.phones)), 'VIP' * user.vip)
    return {'number': user.employee_number, 'name': user.name, 'told': ' · '.join(part for part in told if part)}


def _form(desk: Desk, visit: Visit, key: str, typed: Mapping[str, str], says: str = '', found: tuple[User, ...] = ()) -> Answer:
    site = desk.site()
    client = site.clients.get(key)
    lines = lines_of(site, client) if client else ()
    return page(visit, 'new_folio.html.j2', 422 if says else 200, title='Folio nuevo', clients=site.clients, client=client,
                typed=Typed(typed), says=says, found=[_suggestion(user) for user in found], agents=site.agents.values(),
                lines=[(line.number, f'{MODALITIES.get(line.modality, line.modality)} · {shown_number(line.number)}') for line in lines],
                applications=supported(client, 'premium') if client else ())
