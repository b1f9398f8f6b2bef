"""Pages from templates. Everything that is put into one is escaped; there is no other way in."""
from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, format_timedelta
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from desk.accounts.values import ROLE_NAMES, Person
from desk.web.frame import HTML, Answer, Visit
from ticketing.spanish import CANCEL_CAUSES, IMPACTS, KINDS, MODALITIES, ORIGINS, PRIORITIES, STATES

TEMPLATES = Path(__file__).resolve().parent.parent / 'templates'
LOCALE = 'es_MX'


def moment(at: datetime, zone: ZoneInfo) -> str:
    """'24 nov 2026, 10:15' in the zone."""
    return format_datetime(at, 'd MMM y, HH:mm', tzinfo=zone, locale=LOCALE)


def short_moment(at: datetime, zone: ZoneInfo) -> str:
    """'24 nov 10:15' in the zone."""
    return format_datetime(at, 'd MMM HH:mm', tzinfo=zone, locale=LOCALE)


def clock(at: datetime, zone: ZoneInfo) -> str:
    """'10:15:03' in the zone."""
    return format_datetime(at, 'HH:mm:ss', tzinfo=zone, locale=LOCALE)


def iso(at: datetime) -> str:
    """For <time datetime=...> and scripts."""
    return at.isoformat()


def relative(at: datetime, now: datetime) -> str:
    """'dentro de 2 horas', 'hace 5 minutos'."""
    return str(format_timedelta(at - now, add_direction=True, locale=LOCALE, threshold=0.95))


def money(amount: Decimal) -> str:
    """'$1,234.50'; of a rate all places that it has."""
    exact = f'{amount.normalize():f}'
    return f'${amount:,.2f}' if len(exact.partition('.')[2]) <= 2 else f'${amount.normalize():,f}'


_ENVIRONMENT = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                           lstrip_blocks=True)
_ENVIRONMENT.filters |= {'moment': moment, 'short_moment': short_moment, 'clock': clock, 'iso': iso, 'relative': relative, 'money': money}
_ENVIRONMENT.globals |= {'STATES': STATES, 'CANCEL_CAUSES': CANCEL_CAUSES, 'PRIORITIES': PRIORITIES, 'KINDS': KINDS,
                         'ROLE_NAMES': ROLE_NAMES, 'IMPACTS': IMPACTS, 'MODALITIES': MODALITIES, 'ORIGINS': ORIGINS}


def html(template: str, **facts: Any) -> str:
    """A template, filled in."""
    return _ENVIRONMENT.get_template(template).render(**facts)


def page(visit: Visit, template: str, status: int = 200, cookies: tuple[str, ...] = (), **facts: Any) -> Answer:
    """A whole page for a visit. `person`, `csrf`, `path` and `now` are known to every template."""
    return whole(template, visit.person, visit.csrf, status, cookies, path=visit.path, now=visit.now, **facts)


def whole(template: str, person: Person | None, csrf: str, status: int = 200, cookies: tuple[str, ...] = (), **facts: Any) -> Answer:
    """A whole page for somebody, or nobody."""
    from desk.navigation import menu_of
    return Answer(status, html(template, person=person, csrf=csrf, menu=menu_of(person), **facts).encode(), HTML, (), cookies)
