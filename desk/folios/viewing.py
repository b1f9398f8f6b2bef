"""Who looks at folios, and what people and numbers are called on a page (mission.md 4.1, 6.2)."""
from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from config.contract import calendar_for
from config.phones import national
from config.values import Client, Modality, Site, User
from desk.accounts.values import Person, Role
from desk.desk import Desk
from ticketing.damm import is_valid
from ticketing.finding.viewers import Viewer
from ticketing.values import Folio, UnknownFolio

SHORT_AREAS = ('33', '55', '56', '81')                 # area codes of two digits; all others have three
# Who writes timelines without being one of ours.
OTHERS: Mapping[str, str] = {
    'user': 'el usuario', 'contact': 'el contacto del cliente', 'caller': 'quien llamó', 'mesa': 'Mesa',
}


class Typed(dict[str, str]):
    """What was typed into a form that comes back; a field that was not there is empty."""

    def __missing__(self, name: str) -> str:
        return ''


def viewer_of(person: Person) -> Viewer:
    """Whose eyes look: a supervisor sees complaints that an agent does not, and nobody one about himself."""
    return Viewer(person.login, person.role in (Role.SUPERVISOR, Role.ADMIN), person.client)


def visible_folio(desk: Desk, person: Person, number: str) -> Folio:
    """The folio that he may see. Raises UnknownFolio for every other one, as for a number that nobody has."""
    folio = desk.folios.get(number) if is_valid(number) else None
    if folio is None or not viewer_of(person).sees(folio):
        raise UnknownFolio(f'there is no folio {number}', 'No existe ese folio, o no está a su alcance.')
    return folio


def name_of(site: Site, login: str | None) -> str:
    """What somebody is called: 'Ana López', 'el usuario'; a login that the site does not know by itself."""
    agent = site.agents.get(login or '')
    return agent.name if agent else OTHERS.get(login or '', login or '')


def user_of(client: Client | None, employee_number: str | None) -> User | None:
    """The user of a client's list, None for one who is not on it."""
    users = client.users if client and employee_number else ()
    return next((user for user in users if user.employee_number == employee_number), None)


def is_vip(client: Client | None, modality: str, employee_number: str | None) -> bool:
    """Whether the folio is a director's: by his own mark, or by the number he called."""
    user = user_of(client, employee_number)
    return modality == Modality.VIP or (user is not None and user.vip)


def zone_of(site: Site, folio: Folio) -> ZoneInfo:
    """The zone in which a folio's times are told: that of the calendar that decides."""
    line = site.lines.get(folio.report.line)
    return calendar_for(site, line, folio.report.site).zone if line else site.zone


def grouped(number: str) -> str:
    """A folio's number as it is read aloud: '1234 5678'."""
    return f'{number[:4]} {number[4:]}' if len(number) == 8 else number


def shown_number(e164: str | None) -> str:
    """A telephone's number as people dial it at home; a foreign one as it is; '' without one."""
    if not e164:
        return ''
    try:
        digits = national(e164)
    except ValueError:
        return e164
    area = 2 if digits[:2] in SHORT_AREAS else 3
    return f'{digits[:area]} {digits[area:6]} {digits[6:]}'
