"""Statistics of any period and client for those who lead; the same functions as the wallboard and the statement (mission.md 6.3, 7.5)."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from urllib.parse import urlencode

from babel.dates import format_date

from config.values import Modality, Site
from contracts.intervals import days, months
from contracts.statement import Kind
from contracts.statistics import by_interval, with_parts
from contracts.statistics_figures import FIGURES, GROUPS, Figure, as_table, told_of
from contracts.statistics_values import Statistics
from desk.desk import Desk
from desk.web.frame import Answer, Visit, download
from desk.web.render import page

HERE = '/estadisticas'
PATIENCE_S = 20.0
LONGEST_DAYS = 400
DAYS_SHOWN = 62                                        # of a longer period months are shown
TILES = ('offered', 'service_level', 'abandonment_rate', 'average_speed_of_answer_s', 'average_handle_s', 'opened', 'first_contact_percent',
         'resolve_percent', 'survey_average')
BY_DAY = ('offered', 'answered', 'abandoned', 'service_level', 'average_speed_of_answer_s', 'average_handle_s', 'opened', 'resolved',
          'first_contact_percent', 'reopens', 'resolve_percent', 'survey_average', 'survey_answers')
WIDTH, HEIGHT, FOOT = 960, 220, 20                     # of the chart, in units of its own


class BadPeriod(Exception):
    """What was asked for is no period; a sentence in Spanish for whoever asked."""


@dataclass(frozen=True)
class Asked:
    """Which statistics. Days are local ones of the site's zone, both included."""

    first: date
    last: date
    client: str | None
    modality: Modality | None

    @property
    def query(self) -> str:
        """The same as a query."""
        words = {'desde': str(self.first), 'hasta': str(self.last), 'cliente': self.client or '',
                 'modalidad': str(self.modality) if self.modality else ''}
        return urlencode({name: word for name, word in words.items() if word})


@dataclass(frozen=True)
class Bar:
    """One part of the period in the chart: places and heights of answered, abandoned and other calls from the bottom up."""

    x: float
    width: float
    parts: tuple[tuple[str, float, float], ...]        # class, y, height
    label: str
    says: str


def show(desk: Desk, visit: Visit) -> Answer:
    """The figures of the period, its parts as a chart and as a table."""
    site = desk.site()
    today = visit.now.astimezone(site.zone).date()
    says = ''
    try:
        asked = asked_of(visit, site, today)
    except BadPeriod as error:
        asked, says = Asked(today.replace(day=1), today, None, None), str(error)
    parts = months if (asked.last - asked.first).days > DAYS_SHOWN else days
    intervals = parts(asked.first, asked.last, site.zone)
    with desk.db.read(PATIENCE_S) as connection:
        whole, each = with_parts(connection, site, intervals, asked.client, asked.modality, now=visit.now)
    by_key, labels = {figure.key: figure for figure in FIGURES}, [_named(one.label) for one in intervals]
    return page(
        visit, 'statistics.html.j2', 400 if says else 200, title='Estadísticas', says=says, asked=asked, whole=whole, groups=GROUPS,
        tiles=[by_key[key] for key in TILES], columns=[by_key[key] for key in BY_DAY], shares=[one for one in told_of(whole) if one.counts],
        each=list(zip(labels, each, strict=True)), bars=bars(each, labels), most=_most(each), written=written, clients=site.clients,
        presets=presets(asked, today), by='mes' if parts is months else 'día',
        categories={one.name: one.title for client in site.clients.values() for one in client.categories},
        width=WIDTH, height=HEIGHT, foot=FOOT, modalities=list(Modality))


def table(desk: Desk, visit: Visit) -> Answer:
    """All figures of each day as CSV."""
    site = desk.site()
    try:
        asked = asked_of(visit, site, visit.now.astimezone(site.zone).date())
    except BadPeriod as error:
        return Answer(400, str(error).encode(), 'text/plain; charset=utf-8')
    intervals = days(asked.first, asked.last, site.zone)
    with desk.db.read(PATIENCE_S) as connection:
        each = by_interval(connection, site, intervals, asked.client, asked.modality, now=visit.now)
    told = as_table('day', zip((one.label for one in intervals), each, strict=True))
    return download(told.encode(), 'text/csv; charset=utf-8', f'estadisticas-{asked.client or "todos"}-{asked.first}-{asked.last}.csv')


def asked_of(visit: Visit, site: Site, today: date) -> Asked:
    """What the query asks for; this month until today when it names no day. Raises BadPeriod."""
    client, modality = visit.query.get('cliente', ''), visit.query.get('modalidad', '')
    first = _day(visit.query.get('desde', '')) or today.replace(day=1)
    last = _day(visit.query.get('hasta', '')) or max(first, today)
    if last < first:
        raise BadPeriod('El último día es anterior al primero.')
    if (last - first).days >= LONGEST_DAYS:
        raise BadPeriod(f'El periodo es demasiado largo: elija a lo más {LONGEST_DAYS} días.')
    return Asked(first, last, client if client in site.clients else None,
                 Modality(modality) if modality in {str(one) for one in Modality} else None)


def _day(word: str) -> date | None:
    if not word:
        return None
    try:
        found = date.fromisoformat(word)
    except ValueError:
        raise BadPeriod('Escriba los días como 2026-10-01.') from None
    if not 2000 <= found.year < 2200:
        raise BadPeriod('Ese año no está en los registros.')
    return found


def presets(asked: Asked, today: date) -> list[tuple[str, str, bool]]:
    """Usual periods: their name, their query, and whether one is shown now."""
    month = today.replace(day=1)
    before = (month - timedelta(days=1)).replace(day=1)
    some = (('Hoy', today, today), ('Esta semana', today - timedelta(days=today.weekday()), today), ('Este mes', month, today),
            ('Mes anterior', before, month - timedelta(days=1)))
    return [(name, Asked(first, last, asked.client, asked.modality).query, (first, last) == (asked.first, asked.last))
            for name, first, last in some]


def written(figure: Figure, one: Statistics) -> str:
    """A figure as it reads: '76.3 %', '22 s', '4:07'; a dash where there was nothing to measure."""
    value = figure.of(one)
    if value is None:
        return '—'
    if figure.kind is Kind.PERCENT:
        return f'{value} %'
    if figure.kind is Kind.SECONDS and isinstance(value, Decimal):
        minutes, seconds = divmod(int(value + Decimal('0.5')), 60)
        return f'{minutes}:{seconds:02}' if minutes else f'{seconds} s'
    return f'{value:,}' if isinstance(value, int) else str(value)


def bars(each: Sequence[Statistics], labels: Sequence[str]) -> list[Bar]:
    """The calls of each part as a stacked bar."""
    most, found = _most(each), []
    wide = WIDTH / max(len(each), 1)
    every = -(-len(each) // 10)                        # so many labels have room
    for number, (one, label) in enumerate(zip(each, labels, strict=True)):
        calls = one.calls.calls if one.calls else None
        counts = (('answered', calls.answered), ('abandoned', calls.abandoned), ('other', calls.offered - calls.answered - calls.abandoned)
                  ) if calls else ()
        parts, top = [], float(HEIGHT)
        for name, many in counts:
            tall = many * (HEIGHT - 10) / most
            top -= tall
            parts.append((name, round(top, 1), round(tall, 1)))
        words = ', '.join(f'{many} {word}' for (_, many), word in zip(counts, ('atendidas', 'abandonadas', 'con otro final'), strict=False))
        found.append(Bar(round(number * wide + wide * 0.1, 1), round(wide * 0.8, 1), tuple(parts), label if number % every == 0 else '',
                         f'{label}: {words}'))
    return found


def _most(each: Sequence[Statistics]) -> int:
    return max((one.calls.calls.offered for one in each if one.calls), default=0) or 1


def _named(label: str) -> str:
    """'lun 5 oct' of a day, 'oct 2026' of a month."""
    if len(label) == len('2026-10'):
        return format_date(date.fromisoformat(f'{label}-01'), 'MMM y', locale='es_MX')
    return format_date(date.fromisoformat(label), 'EEE d MMM', locale='es_MX')
