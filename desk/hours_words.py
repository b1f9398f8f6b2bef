"""Open and closed in Spanish, as the desk's people read it. Pure."""
from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime

from config.hours import Opening, Reason
from config.values import Override, OverrideState

LOCALE = 'es_MX'
WHY = {
    Reason.HOURS: 'en horario', Reason.EARLY: 'aún no abre', Reason.BREAK: 'pausa del día', Reason.NIGHT: 'ya cerró por hoy',
    Reason.WEEKEND: 'fin de semana', Reason.CLOSED_DAY: 'día sin servicio', Reason.HOLIDAY: 'día festivo', Reason.NEVER: 'sin horario',
    Reason.OVERRIDE_OPEN: 'abierta por una excepción', Reason.OVERRIDE_CLOSED: 'cerrada por una excepción',
}
OVERRIDES = {OverrideState.OPEN: 'abierta', OverrideState.CLOSED: 'cerrada', OverrideState.MESSAGE: 'con mensaje'}


def why(opening: Opening) -> str:
    """'día festivo: Navidad'."""
    return f'{WHY[opening.reason]}: {opening.holiday.name}' if opening.holiday else WHY[opening.reason]


def when(at: datetime | None, now: datetime, zone: ZoneInfo) -> str:
    """'hoy a las 20:00', 'mañana a las 08:00', 'el lunes 30 de noviembre a las 08:00', in the zone."""
    if at is None:
        return 'no en los próximos 400 días'
    days = (at.astimezone(zone).date() - now.astimezone(zone).date()).days
    clock = format_datetime(at, 'HH:mm', tzinfo=zone, locale=LOCALE)
    if days in (0, 1):
        return f'{"mañana" if days else "hoy"} a las {clock}'
    year = " 'de' y" if at.astimezone(zone).year != now.astimezone(zone).year else ''
    return format_datetime(at, f"'el' EEEE d 'de' MMMM{year} 'a' 'las' HH:mm", tzinfo=zone, locale=LOCALE)


def day(of: date) -> str:
    """'lunes 30 de noviembre'."""
    return format_date(of, "EEEE d 'de' MMMM", locale=LOCALE)


def override_words(override: Override, now: datetime, zone: ZoneInfo) -> str:
    """'cerrada hasta hoy a las 18:00 (ana)'; one to come says from when."""
    since = f' desde {when(override.since, now, zone)}' if override.since > now else ''
    message = f', mensaje {override.message}' if override.message and override.state is not OverrideState.MESSAGE else ''
    by = f' ({override.by})' if override.by else ''
    return f'{OVERRIDES[override.state]}{message}{since} hasta {when(override.until, now, zone)}{by}'
