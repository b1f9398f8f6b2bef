"""The list of figures that pages, tables and files show of a Statistics: key, English term, Spanish word, kind, and how it is read. Pure.

docs/statistics.md defines each by its key. Mappings (kinds, categories, outcomes) are told beside this list, by `told_of`.
"""
from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from contracts.cells import safe
from contracts.statement import Kind, Value
from contracts.statistics import in_all
from contracts.statistics_values import Level, Statistics, mean, percent
from ticketing.spanish import KINDS, MODALITIES, PRIORITIES, VIAS


@dataclass(frozen=True)
class Figure:
    """One figure. `part`: the field of Statistics that it needs; `adds_up`: that it is the sum over the parts of an interval."""

    key: str
    part: str
    english: str
    spanish: str
    kind: Kind
    read: Callable[[Any], Value]
    adds_up: bool = False

    def of(self, statistics: Statistics) -> Value:
        """Its value; None where it is not known, or there is nothing to measure."""
        part = getattr(statistics, self.part)
        return None if part is None else self.read(part)


@dataclass(frozen=True)
class Group:
    """Figures under one heading."""

    key: str
    english: str
    spanish: str
    figures: tuple[Figure, ...]


def _count(key: str, part: str, english: str, spanish: str, read: Callable[[Any], int]) -> Figure:
    return Figure(key, part, english, spanish, Kind.COUNT, read, adds_up=True)


def _share(key: str, part: str, english: str, spanish: str, read: Callable[[Any], Decimal | None]) -> Figure:
    return Figure(key, part, english, spanish, Kind.PERCENT, read)


def _seconds(key: str, english: str, spanish: str, read: Callable[[Any], float | None]) -> Figure:
    return Figure(key, 'calls', english, spanish, Kind.SECONDS, lambda part: _tenths(read(part)))


def _tenths(value: float | None) -> Decimal | None:
    return None if value is None else mean(value, 1)


def _over(calls: Any) -> int:
    return int(calls.offered - calls.in_progress)


GROUPS: tuple[Group, ...] = (
    Group('calls', 'Telephone', 'Atención telefónica', (
        _count('offered', 'calls', 'calls offered', 'llamadas recibidas en cola', lambda part: part.calls.offered),
        _count('answered', 'calls', 'calls handled', 'llamadas atendidas', lambda part: part.calls.answered),
        _count('answered_in_time', 'calls', 'calls answered within target', 'atendidas a tiempo', lambda part: part.calls.answered_in_time),
        _count('abandoned', 'calls', 'calls abandoned', 'llamadas abandonadas', lambda part: part.calls.abandoned),
        _count('abandoned_in_time', 'calls', 'short abandons', 'abandonos breves', lambda part: part.calls.abandoned_in_time),
        _count('otherwise', 'calls', 'other ends', 'otros finales', lambda part: sum(part.calls.otherwise.values())),
        _count('in_progress', 'calls', 'in progress', 'en curso', lambda part: part.calls.in_progress),
        _share('service_level', 'calls', 'service level', 'nivel de servicio telefónico',
               lambda part: percent(part.calls.answered_in_time, _over(part.calls))),
        _share('promised_level', 'calls', 'service level target', 'meta del contrato',
               lambda part: percent(part.calls.promised, 100 * _over(part.calls))),
        _share('abandonment_rate', 'calls', 'abandonment rate', 'tasa de abandono',
               lambda part: percent(part.calls.abandoned, _over(part.calls))),
        Figure('target_met', 'calls', 'target met', 'meta cumplida', Kind.TEXT,
               lambda part: ('sí' if part.calls.is_met else 'no') if _over(part.calls) else None),
        _seconds('average_speed_of_answer_s', 'average speed of answer (ASA)', 'tiempo promedio de respuesta',
                 lambda part: part.calls.average_speed_of_answer_s),
        _seconds('longest_wait_s', 'longest wait', 'espera más larga', lambda part: part.calls.longest_wait_s),
        _seconds('average_talk_s', 'average talk time (ATT), hold included', 'duración promedio de la conversación',
                 lambda part: part.calls.average_talk_s),
        _seconds('average_wrap_up_s', 'average after-call work (ACW)', 'seguimiento promedio', lambda part: part.average_wrap_up_s),
        _seconds('average_handle_s', 'average handle time (AHT)', 'tiempo promedio de atención', lambda part: part.average_handle_s))),
    Group('folios', 'Folios', 'Folios', (
        _count('opened', 'opened', 'folios opened', 'folios abiertos', lambda part: part.total),
        _count('opened_abandoned', 'opened', 'of abandoned calls', 'de llamadas abandonadas', lambda part: part.abandoned),
        _count('opened_duplicates', 'opened', 'duplicates', 'duplicados', lambda part: part.duplicates),
        _count('opened_cancelled', 'opened', 'cancelled since', 'cancelados después', lambda part: part.cancelled),
        _count('resolutions', 'solved', 'resolutions', 'soluciones', lambda part: part.resolutions),
        _count('resolved', 'solved', 'folios resolved', 'folios resueltos', lambda part: part.resolved),
        _count('first_contact', 'solved', 'resolved at first contact', 'resueltos en el primer contacto', lambda part: part.first_contact),
        _share('first_contact_percent', 'solved', 'first-call resolution (FCR)', 'solución en el primer contacto',
               lambda part: part.first_contact_percent),
        _count('reopens', 'solved', 'reopenings', 'reaperturas', lambda part: part.reopens),
        _share('reopen_percent', 'solved', 'reopen rate', 'tasa de reapertura', lambda part: part.reopen_percent),
        _count('verified', 'closed', 'closed verified', 'cerrados y confirmados', lambda part: part.verified),
        _count('unverified', 'closed', 'closed unverified', 'cerrados sin confirmar', lambda part: part.unverified),
        _share('verified_percent', 'closed', 'verified closings', 'cierres confirmados', lambda part: part.verified_percent),
        _count('cancelled', 'closed', 'cancelled', 'cancelados', lambda part: part.cancelled))),
    Group('levels', 'Service levels', 'Niveles de servicio', (
        _count('respond_kept', 'levels', 'responded in time', 'primera respuesta a tiempo', lambda part: in_all(part.respond).kept),
        _count('respond_breached', 'levels', 'response breached', 'primera respuesta fuera de tiempo',
               lambda part: in_all(part.respond).breached),
        _count('respond_pending', 'levels', 'response pending', 'primera respuesta pendiente', lambda part: in_all(part.respond).pending),
        _share('respond_percent', 'levels', 'response service level', 'cumplimiento de la primera respuesta',
               lambda part: in_all(part.respond).kept_percent),
        _count('resolve_kept', 'levels', 'resolved in time', 'solución a tiempo', lambda part: in_all(part.resolve).kept),
        _count('resolve_breached', 'levels', 'resolution breached', 'solución fuera de tiempo', lambda part: in_all(part.resolve).breached),
        _share('resolve_percent', 'levels', 'resolution service level', 'cumplimiento de la solución',
               lambda part: in_all(part.resolve).kept_percent),
        _count('escalations', 'escalations', 'escalations fired', 'escalamientos', lambda part: sum(part.values())))),
    Group('close_calls', 'Close calls and satisfaction', 'Verificación y satisfacción', (
        _count('confirmed', 'close_calls', 'confirmations', 'confirmaciones', lambda part: sum(part.confirmed.values())),
        _count('refused', 'close_calls', 'refusals', 'rechazos', lambda part: sum(part.refused.values())),
        _count('unanswered', 'close_calls', 'unanswered', 'sin respuesta', lambda part: part.unanswered),
        _count('close_call_attempts', 'close_calls', 'close calls placed', 'llamadas de verificación',
               lambda part: sum(part.attempts.values())),
        _count('survey_answers', 'survey', 'survey answers', 'respuestas a la encuesta', lambda part: part.answers),
        Figure('survey_average', 'survey', 'survey average (1 to 5)', 'calificación promedio (1 a 5)', Kind.DECIMAL,
               lambda part: part.average),
        _share('survey_percent', 'survey', 'survey response rate', 'participación en la encuesta', lambda part: part.answer_percent),
        _share('satisfied_percent', 'survey', 'customer satisfaction (CSAT)', 'usuarios satisfechos',
               lambda part: part.satisfied_percent))),
    Group('others', 'Unlisted, call-backs, faxes, problems', 'Fuera de lista, llamadas de regreso, faxes y problemas', (
        _count('unlisted_folios', 'unlisted', 'folios of unlisted callers', 'folios de personas fuera de la lista',
               lambda part: part.folios),
        _count('unlisted_calls', 'unlisted', 'calls of unlisted callers', 'llamadas de personas fuera de la lista',
               lambda part: part.calls),
        _count('unlisted_messages', 'unlisted', 'e-mail of unlisted senders', 'correos de personas fuera de la lista',
               lambda part: part.messages),
        _count('call_backs_asked', 'call_backs', 'call-backs asked for', 'llamadas de regreso pedidas', lambda part: part.asked),
        _count('call_backs_kept', 'call_backs', 'call-backs kept', 'llamadas de regreso cumplidas', lambda part: part.kept),
        _share('call_backs_percent', 'call_backs', 'call-backs kept rate', 'cumplimiento de llamadas de regreso',
               lambda part: part.kept_percent),
        _count('faxes_received', 'faxes', 'faxes received', 'faxes recibidos', lambda part: part.received),
        _count('fax_pages', 'faxes', 'fax pages received', 'páginas de fax recibidas', lambda part: part.pages),
        _count('faxes_delivered', 'faxes', 'faxes delivered', 'faxes entregados', lambda part: part.delivered),
        _count('faxes_rejected', 'faxes', 'faxes rejected', 'faxes rechazados', lambda part: part.rejected),
        _count('faxes_sent', 'faxes', 'faxes sent', 'faxes enviados', lambda part: part.sent),
        _count('fax_pages_sent', 'faxes', 'fax pages sent', 'páginas de fax enviadas', lambda part: part.pages_sent),
        _count('problems', 'problems', 'problems proposed', 'posibles fallas detectadas', lambda part: part.proposed))),
)
FIGURES: tuple[Figure, ...] = tuple(figure for group in GROUPS for figure in group.figures)
OUTCOMES: Mapping[str, str] = {
    'confirmed': 'confirmó', 'refused': 'no quedó resuelto', 'later': 'pidió otro momento', 'no_key': 'contestó sin responder',
    'busy': 'ocupado', 'no_answer': 'no contestó', 'failed': 'no se pudo llamar', 'lost': 'se interrumpió', '': 'en curso',
}
ENDS: Mapping[str, str] = {
    'voice_message': 'mensaje de voz', 'call_back': 'pidió que se le llame', 'no_agent_timeout': 'sin agente a tiempo', 'failed': 'falla',
}


@dataclass(frozen=True)
class Shares:
    """A breakdown: what it is of, and how many of each; `words` are Spanish, None: as it stands (categories of a client)."""

    key: str
    english: str
    spanish: str
    counts: Mapping[str, int]
    words: Mapping[str, str] | None = None

    def word(self, name: str) -> str:
        """One of them in Spanish."""
        return (self.words or {}).get(name, name or 'sin categoría')


ORIGINS: Mapping[str, str] = {'phone': 'teléfono', 'fallback': 'teléfono, sin Mesa', 'email': 'correo', 'person': 'persona de la mesa'}
RESPOND: Mapping[str, str] = {'respond': 'sin primera respuesta'}


def told_of(statistics: Statistics) -> Iterator[Shares]:
    """The breakdowns of what is counted; their sums stand in FIGURES."""
    one = statistics
    if one.calls is not None:
        yield Shares('otherwise', 'other ends', 'otros finales', one.calls.calls.otherwise, ENDS)
    if one.opened is not None:
        yield Shares('modalities', 'folios by modality', 'folios por modalidad', one.opened.modalities, MODALITIES)
        yield Shares('kinds', 'folios by kind', 'folios por tipo', one.opened.kinds, KINDS)
        yield Shares('priorities', 'folios by priority', 'folios por prioridad', one.opened.priorities, PRIORITIES)
        yield Shares('categories', 'folios by category', 'folios por categoría', one.opened.categories)
        yield Shares('origins', 'folios by origin', 'folios por medio', one.opened.origins, ORIGINS)
    if one.levels is not None:
        yield Shares('respond', 'responses by priority', 'primera respuesta por prioridad', dict(_leveled(one.levels.respond)), _LEVELS)
        yield Shares('resolve', 'resolutions by priority', 'solución por prioridad', dict(_leveled(one.levels.resolve)), _LEVELS)
    if one.close_calls is not None:
        yield Shares('confirmed', 'confirmations by way', 'confirmaciones por medio', one.close_calls.confirmed, VIAS)
        yield Shares('refused', 'refusals by way', 'rechazos por medio', one.close_calls.refused, VIAS)
        yield Shares('attempts', 'close calls by outcome', 'llamadas de verificación por resultado', one.close_calls.attempts, OUTCOMES)
    if one.survey is not None:
        yield Shares('scores', 'survey scores', 'calificaciones', {str(score): many for score, many in one.survey.scores.items()})
    if one.escalations is not None:
        yield Shares('escalations', 'escalations by step', 'escalamientos por paso', one.escalations, RESPOND)


def _leveled(levels: Mapping[str, Level]) -> Iterator[tuple[str, int]]:
    for priority, level in levels.items():
        for what in ('kept', 'breached', 'pending'):
            if many := getattr(level, what):
                yield f'{priority} {what}', many


_LEVELS: Mapping[str, str] = {
    f'{priority} {what}': f'{word}: {said}' for priority, word in PRIORITIES.items()
    for what, said in (('kept', 'a tiempo'), ('breached', 'fuera de tiempo'), ('pending', 'pendiente'))}


def as_table(by: str, found: Iterable[tuple[str, Statistics]]) -> str:
    """All figures as CSV, keys as headings; empty where nothing is known. A label that a spreadsheet would run is made text."""
    told = io.StringIO()
    writer = csv.writer(told, lineterminator='\n')
    writer.writerow([by, *(figure.key for figure in FIGURES)])
    for label, one in found:
        writer.writerow([safe(label), *('' if (value := figure.of(one)) is None else value for figure in FIGURES)])
    return told.getvalue()
