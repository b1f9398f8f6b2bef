"""The chapters of a statement: what the month's facts say, in tables and charts of Spanish words (mission.md 7.5). Pure.

Nothing in them tells who a user is: a statement is kept as it was issued, whatever is erased later. Folios and calls stand by their
numbers, by which those who may look find everything else.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from contracts.bill import visit_price
from contracts.counting import KINDS as NOT_COUNTED
from contracts.months import Month
from contracts.statement import Chart, Column, Kind, Section, Series, Table, Value
from contracts.statement_facts import MonthFacts
from contracts.statistics_values import Level, percent
from ticketing.spanish import DISPOSITIONS, KINDS, MODALITIES, OUTBOUND, PRIORITIES, STATES

WITHOUT = 'sin categoría'
WAITS = {10: 'hasta 10 s', 20: '11 a 20 s', 30: '21 a 30 s', 60: '31 a 60 s', 120: '1 a 2 min', 300: '2 a 5 min', 600: '5 a 10 min',
         None: 'más de 10 min'}                        # by call_figures.BUCKETS_S
NUMBER, PERCENT, MONEY = Kind.COUNT, Kind.PERCENT, Kind.MONEY


def chapters(facts: MonthFacts) -> tuple[Section, ...]:
    """All of them, in the order in which a client reads them; what the contract does not have is left out."""
    made = (chapter(facts) for chapter in CHAPTERS)
    return tuple(section for section in made if section is not None)


def requests(facts: MonthFacts) -> Section:
    """What was asked for, by category and by day."""
    opened, counts = Counter(_category(facts, row.category) for row in facts.folios), _counted(facts)
    counted: Counter[str] = Counter()
    for row in facts.folios:
        counted[_category(facts, row.category)] += counts.get(row.number, False)
    names = sorted(opened, key=lambda name: (-opened[name], name))
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (name, opened[name], counted[name], percent(opened[name], len(facts.folios))) for name in names)
    days = [_count_on(facts, number) for number in range(facts.month.days)]
    labels = tuple(str(number + 1) for number in range(facts.month.days))
    return Section('requests', 'Solicitudes por categoría y por día', (
        f'Se abrieron {len(facts.folios)} folios; {sum(counted.values())} cuentan como solicitudes del mes.',), (
            Table('categories', 'Folios por categoría', (
                Column('category', 'Categoría'), Column('folios', 'Folios', NUMBER), Column('counted', 'Cuentan', NUMBER),
                Column('share', 'Del total', PERCENT)), rows, ('Total', len(facts.folios), sum(counted.values()), _all(facts.folios))),
            Table('days', 'Folios y llamadas por día', (
                Column('day', 'Día', Kind.DATE), Column('folios', 'Folios', NUMBER), Column('offered', 'Llamadas', NUMBER),
                Column('answered', 'Contestadas', NUMBER), Column('abandoned', 'Abandonadas', NUMBER)),
                tuple((facts.month.first.replace(day=number + 1), *day) for number, day in enumerate(days)),
                ('Total', *(sum(day[place] for day in days) for place in range(4))))),
        (Chart('days', 'Folios por día', 'bars', labels, (Series('Folios', tuple(day[0] for day in days)),), 'folios'),
         Chart('categories', 'Folios por categoría', 'bars', tuple(names[:9]),
               (Series('Folios', tuple(opened[name] for name in names[:9])),), 'folios')))


def kinds(facts: MonthFacts) -> Section:
    """Failures, requests and complaints, by priority."""
    found = Counter((row.kind, row.priority) for row in facts.folios)
    order = ('high', 'medium', 'low')
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (_plural(kind), *(found[kind, priority] for priority in order), sum(found[kind, priority] for priority in order)) for kind in KINDS)
    solved, closed = facts.figures.solved, facts.figures.closed
    assert solved is not None and closed is not None
    ends: tuple[tuple[Value, ...], ...] = (
        ('Resueltos en el mes', solved.resolved), ('De ellos, en la primera llamada', solved.first_contact), ('Reabiertos', solved.reopens),
        ('Cerrados y confirmados', closed.verified), ('Cerrados sin confirmar', closed.unverified), ('Cancelados', closed.cancelled))
    return Section('kinds', 'Fallas, solicitudes y quejas', (), (
        Table('kinds', 'Folios por tipo y prioridad', (
            Column('kind', 'Tipo'), *(Column(priority, f'Prioridad {PRIORITIES[priority]}', NUMBER) for priority in order),
            Column('all', 'Todos', NUMBER)), rows,
            ('Total', *(sum(found[kind, priority] for kind in KINDS) for priority in order), len(facts.folios))),
        Table('ends', 'Cómo terminaron', (Column('what', 'Folios'), Column('many', 'Cantidad', NUMBER)), ends)))


def levels(facts: MonthFacts) -> Section:
    """Whether what was promised was kept: of calls, of responses, of solutions."""
    rows: list[tuple[Value, ...]] = []
    for modality, calls in facts.by_modality.items():
        over = calls.offered - calls.in_progress
        rows.append((f'Contestar, {MODALITIES[modality]}', over, calls.answered_in_time, percent(calls.answered_in_time, over),
                     _percent(calls.promised_level), _verdict(over, calls.is_met)))
    found = facts.figures.levels
    assert found is not None
    for title, of in (('Responder', found.respond), ('Resolver', found.resolve)):
        rows += [(f'{title}, prioridad {PRIORITIES[priority]}', *_level(of.get(priority, Level())))
                 for priority in ('high', 'medium', 'low')]
    daily = [day.calls.calls for day in facts.by_day if day.calls is not None]
    goal = _percent(facts.figures.calls.calls.promised_level) if facts.figures.calls else None
    return Section('levels', 'Niveles de servicio', (
        'Las llamadas se miden contra el tiempo para contestar de cada línea; respuesta y solución, en horas de servicio, sin las esperas '
        'que dependen del usuario o de un proveedor.',), (
        Table('levels', 'Cumplimiento', (
            Column('level', 'Nivel'), Column('cases', 'Casos', NUMBER), Column('kept', 'A tiempo', NUMBER),
            Column('percent', 'Cumplimiento', PERCENT), Column('target', 'Acordado', PERCENT), Column('verdict', 'Resultado')),
            tuple(rows)),),
        (Chart('levels', 'Llamadas contestadas a tiempo', 'line', tuple(str(number + 1) for number in range(len(daily))),
               (Series('Contestadas a tiempo', tuple(percent(day.answered_in_time, day.offered - day.in_progress) for day in daily)),), '%',
               ('Acordado', goal) if goal is not None else None),))


def waiting(facts: MonthFacts) -> Section | None:
    """How long callers waited."""
    handling = facts.figures.calls
    if handling is None or not handling.calls.offered:
        return None
    calls = handling.calls
    names = tuple(WAITS[one.up_to_s] for one in calls.waits)
    rows = tuple((name, one.answered, one.abandoned, one.otherwise) for name, one in zip(names, calls.waits, strict=True))
    times: tuple[tuple[Value, ...], ...] = (
        ('Espera promedio de las contestadas', _seconds(calls.average_speed_of_answer_s)),
        ('Espera más larga', _seconds(calls.longest_wait_s)), ('Conversación promedio', _seconds(calls.average_talk_s)),
        ('Atención promedio, con el trabajo posterior', _seconds(handling.average_handle_s)))
    ends: tuple[tuple[Value, ...], ...] = (
        ('Ofrecidas', calls.offered), ('Contestadas', calls.answered), ('Abandonadas', calls.abandoned),
        *((DISPOSITIONS.get(end, end).capitalize(), many) for end, many in sorted(calls.otherwise.items())))
    return Section('waiting', 'Tiempos de espera', (), (
        Table('calls', 'Llamadas', (Column('what', 'Llamadas'), Column('many', 'Cantidad', NUMBER)), ends),
        Table('times', 'Tiempos', (Column('what', 'Medida'), Column('time', 'min:s', Kind.SECONDS)), times),
        Table('waits', 'Llamadas por tiempo de espera', (
            Column('wait', 'Espera'), Column('answered', 'Contestadas', NUMBER), Column('abandoned', 'Abandonadas', NUMBER),
            Column('otherwise', 'De otro modo', NUMBER)), rows,
            ('Total', *(sum(getattr(one, name) for one in calls.waits) for name in ('answered', 'abandoned', 'otherwise'))))),
        (Chart('waits', 'Llamadas por tiempo de espera', 'stacked', names, (
            Series('Contestadas', tuple(one.answered for one in calls.waits)),
            Series('Abandonadas', tuple(one.abandoned for one in calls.waits)))),))


def satisfaction(facts: MonthFacts) -> Section:
    """What users said when they were asked."""
    survey, asked = facts.figures.survey, facts.figures.close_calls
    assert survey is not None and asked is not None
    rows = tuple((str(score), survey.scores.get(score, 0), percent(survey.scores.get(score, 0), survey.answers)) for score in range(1, 6))
    said = (f'Calificación promedio: {survey.average} de 5, con {survey.answers} respuestas de {survey.asked} folios confirmados.'
            if survey.answers else 'Nadie calificó en este mes.')
    vias = (('call', 'por teléfono'), ('page', 'en la página'), ('mail', 'por correo'), ('person', 'a través de la mesa'))
    answers = tuple((title, asked.confirmed.get(via, 0), asked.refused.get(via, 0)) for via, title in vias)
    return Section('satisfaction', 'Satisfacción y confirmación', (said,), (
        Table('scores', 'Calificaciones', (Column('score', 'Calificación'), Column('answers', 'Respuestas', NUMBER),
              Column('share', 'Del total', PERCENT)), rows, ('Total', survey.answers, _all(range(survey.answers)))),
        Table('confirmations', 'Respuestas a «¿quedó resuelto?»', (
            Column('via', 'Cómo respondió'), Column('yes', 'Sí', NUMBER), Column('no', 'No', NUMBER)), answers,
            ('Total', sum(asked.confirmed.values()), sum(asked.refused.values())),
            f'{asked.unanswered} folios se cerraron porque nadie respondió.')),
        (Chart('scores', 'Calificaciones', 'bars', ('1', '2', '3', '4', '5'),
               (Series('Respuestas', tuple(survey.scores.get(score, 0) for score in range(1, 6))),)),))


def quota(facts: MonthFacts) -> Section:
    """What the contract includes, what was used, what is charged above it, and what earlier statements said otherwise."""
    rows: list[tuple[Value, ...]] = [
        (MODALITIES[one.modality], one.meter.allowance, one.meter.requests, one.meter.percent, one.meter.above) for one in facts.usage]
    without: Counter[str] = Counter()
    for one in facts.usage:
        for kind, many in one.not_counted.items():
            without[NOT_COUNTED[kind] if kind is not None else 'en días sin cuota contratada'] += many
    tables = [
        Table('usage', 'Uso de la cuota del mes', (
            Column('modality', 'Servicio'), Column('allowance', 'Incluidas', NUMBER), Column('requests', 'Solicitudes', NUMBER),
            Column('percent', 'Uso', PERCENT), Column('above', 'Por encima', NUMBER)), tuple(rows)),
        Table('not_counted', 'Lo que no cuenta', (Column('what', 'Qué'), Column('many', 'Cantidad', NUMBER)),
              tuple(sorted(without.items())), ('Total', without.total())),
        Table('quota', 'Meses que deciden sobre los excedentes', (
            Column('modality', 'Servicio'), Column('month', 'Mes'), Column('allowance', 'Incluidas', NUMBER),
            Column('requests', 'Solicitudes', NUMBER), Column('above', 'Más de 105 %'), Column('units', 'Se cobran ahora', NUMBER),
            Column('price', 'Precio', Kind.RATE), Column('amount', 'Importe', MONEY)), tuple(_quota_rows(facts)))]
    if facts.corrections:
        tables.append(Table('corrections', 'Correcciones a estados de cuenta anteriores', (
            Column('month', 'Mes'), Column('folio', 'Folio', Kind.FOLIO), Column('then', 'Se dijo'), Column('why_then', 'Porque'),
            Column('now', 'Ahora'), Column('why_now', 'Porque')), tuple(_correction_rows(facts)), note=(
                'Los estados de cuenta emitidos no cambian: lo que se corrige se cobra o se abona en éste.')))
    return Section('quota', 'Cuota y excedentes', (
        'Los excedentes se cobran solamente cuando las solicitudes superan la cuota en más de 5 % durante tres meses consecutivos.',),
        tuple(tables), tuple(_quota_charts(facts)))


def outbound(facts: MonthFacts) -> Section:
    """The calls that we made to the client, each with its folio and its price (mission.md 7.3)."""
    answered = [line for line in facts.outbound if line.seconds]
    groups: dict[tuple[str, str], list[Decimal]] = {}
    for line in answered:
        groups.setdefault((OUTBOUND.get(line.purpose, line.purpose), line.destination), []).append(line.amount or Decimal(0))
    total = sum((line.amount or Decimal(0) for line in answered), Decimal(0))
    return Section('outbound', 'Llamadas de salida', (
        'Cada llamada lleva su folio y se cobra por su destino, con la tarifa vigente cuando se contestó; las que nadie contestó no '
        'cuestan.',), (
        Table('destinations', 'Por motivo y destino', (
            Column('purpose', 'Motivo'), Column('destination', 'Destino'), Column('calls', 'Llamadas', NUMBER),
            Column('amount', 'Importe', MONEY)),
            tuple((*group, len(found), sum(found, Decimal(0))) for group, found in sorted(groups.items())),
            ('Total', None, len(answered), total)),
        Table('outbound', 'Llamadas de salida, una por una', (
            Column('at', 'Contestada', Kind.INSTANT), Column('purpose', 'Motivo'), Column('folio', 'Folio', Kind.FOLIO),
            Column('destination', 'Destino'), Column('seconds', 'Duración', Kind.SECONDS), Column('charged', 'Se cobra', Kind.SECONDS),
            Column('amount', 'Importe', MONEY), Column('call', 'Llamada', Kind.CALL)),
            tuple((line.at, OUTBOUND.get(line.purpose, line.purpose), line.folio, line.destination, line.seconds, line.charged_seconds,
                   line.amount, line.linkedid) for line in answered),
            ('Total', None, None, None, sum(line.seconds for line in answered), sum(line.charged_seconds for line in answered), total,
             None),
            annex=True)))


def unlisted(facts: MonthFacts) -> Section:
    """Those who are not on the client's list (mission.md 1.5)."""
    found = facts.figures.unlisted
    assert found is not None
    until = facts.client.resale_authorised_until
    allowed = f' Hay una autorización por escrito hasta el {until:%d/%m/%Y}.' if until and until >= facts.month.first else ''
    return Section('unlisted', 'Personas fuera de la lista', (
        f'El servicio es para los usuarios de su lista; a los demás también se les atendió, y aquí se informa.{allowed}',), (
        Table('unlisted', 'Atención a personas fuera de la lista', (Column('what', 'Qué'), Column('many', 'Cantidad', NUMBER)),
              (('Folios', found.folios), ('Llamadas', found.calls), ('Correos', found.messages))),
        Table('unlisted_folios', 'Sus folios', (Column('folio', 'Folio', Kind.FOLIO), Column('opened', 'Abierto', Kind.INSTANT)),
              tuple((row.number, row.opened_at) for row in facts.folios if row.unlisted), annex=True)))


def faxes(facts: MonthFacts) -> Section | None:
    """Faxes in and out."""
    found = facts.figures.faxes
    if found is None or not (found.received or found.ordered):
        return None
    rows: tuple[tuple[Value, ...], ...] = (
        ('Recibidos', found.received, found.pages), ('Entregados por correo', found.delivered, found.pages_delivered),
        ('Rechazados', found.rejected, None), ('Enviados por la mesa', found.sent, found.pages_sent),
        ('No se pudieron enviar', found.failed, None))
    return Section('faxes', 'Faxes', (), (
        Table('faxes', 'Faxes', (Column('what', 'Faxes'), Column('many', 'Cantidad', NUMBER), Column('pages', 'Páginas', NUMBER)), rows),))


def visits(facts: MonthFacts) -> Section | None:
    """On-site visits."""
    if not facts.visits:
        return None
    rows = tuple((visit.at, visit.folio, visit.reason, visit_price(facts, visit)) for visit in facts.visits)
    return Section('visits', 'Visitas en sitio', (), (
        Table('visits', 'Visitas', (Column('at', 'Fecha', Kind.INSTANT), Column('folio', 'Folio', Kind.FOLIO), Column('reason', 'Motivo'),
              Column('amount', 'Importe', MONEY)), rows, ('Total', None, None, sum((row[3] for row in rows), Decimal(0)))),))


def moves(facts: MonthFacts) -> Section | None:
    """Sites that moved (mission.md 7.4)."""
    if not facts.moves:
        return None
    rows = tuple((move.reference, move.site, move.destination, move.delivered_on, MODALITIES[cost.modality], cost.amount,
                  move.term.last if move.term else None) for move in facts.moves for cost in move.costs)
    return Section('moves', 'Cambios de domicilio', (), (
        Table('moves', 'Sitios entregados', (
            Column('reference', 'Referencia'), Column('site', 'Sitio'), Column('destination', 'Nuevo domicilio'),
            Column('day', 'Entregado', Kind.DATE), Column('modality', 'Servicio'), Column('amount', 'Costo inicial', MONEY),
            Column('term', 'Nuevo plazo hasta', Kind.DATE)), rows,
            ('Total', None, None, None, None, sum((row[5] for row in rows), Decimal(0)), None)),))


def contract(facts: MonthFacts) -> Section | None:
    """What was agreed for this month."""
    in_force = [terms for terms in facts.contract.terms if facts.contract.in_force(terms.modality, facts.last_day) is terms]
    if not in_force:
        return None
    rows = tuple((MODALITIES[terms.modality], terms.since, terms.allowance, terms.monthly_fee, terms.overage_price,
                  f'{terms.policy.answer_percent} % en {terms.policy.answer_seconds} s') for terms in in_force)
    return Section('contract', 'Condiciones del contrato', (), (
        Table('contract', f'Vigentes al {facts.last_day:%d/%m/%Y}', (
            Column('modality', 'Servicio'), Column('since', 'Desde', Kind.DATE), Column('allowance', 'Solicitudes', NUMBER),
            Column('fee', 'Renta mensual', MONEY), Column('overage', 'Por excedente', Kind.RATE), Column('answer', 'Contestar')), rows),))


def annexes(facts: MonthFacts) -> Section:
    """The folios and the calls of the month, one by one."""
    said = {request.folio: request for request in facts.requests if request.reference.startswith('folio:')}
    rows = tuple((row.number, row.opened_at, MODALITIES.get(row.modality, row.modality), _category(facts, row.category),
                  KINDS.get(row.kind, row.kind), PRIORITIES.get(row.priority, row.priority), STATES.get(row.state, row.state),
                  row.resolved_at, row.score, 'sí' if row.number in said and said[row.number].counts else 'no',
                  said[row.number].reason if row.number in said else '') for row in facts.folios)
    calls = tuple((row.linkedid, row.joined, row.line, row.folio, _end(row.disposition), _seconds(row.wait_s), _seconds(row.talk_s))
                  for row in facts.calls)
    return Section('annexes', 'Anexos', ('Los folios y las llamadas del mes, uno por renglón.',), (
        Table('folios', 'Folios', (
            Column('folio', 'Folio', Kind.FOLIO), Column('opened', 'Abierto', Kind.INSTANT), Column('modality', 'Servicio'),
            Column('category', 'Categoría'), Column('kind', 'Tipo'), Column('priority', 'Prioridad'), Column('state', 'Estado'),
            Column('resolved', 'Resuelto', Kind.INSTANT), Column('score', 'Calificación', NUMBER), Column('counts', 'Cuenta'),
            Column('reason', 'Por qué')), rows, annex=True),
        Table('calls_one_by_one', 'Llamadas', (
            Column('call', 'Llamada', Kind.CALL), Column('joined', 'Entró a la fila', Kind.INSTANT), Column('line', 'Línea'),
            Column('folio', 'Folio', Kind.FOLIO), Column('end', 'Resultado'), Column('wait', 'Espera', Kind.SECONDS),
            Column('talk', 'Conversación', Kind.SECONDS)), calls, annex=True)))


CHAPTERS: tuple[Callable[[MonthFacts], Section | None], ...] = (
    requests, kinds, levels, waiting, satisfaction, quota, outbound, unlisted, faxes, visits, moves, contract, annexes)


# --- steps ---------------------------------------------------------------------------------------------------------------

def _counted(facts: MonthFacts) -> Mapping[str, bool]:
    return {request.folio: request.counts for request in facts.requests if request.folio and request.reference.startswith('folio:')}


def _category(facts: MonthFacts, name: str | None) -> str:
    titles = {category.name: category.title for category in facts.client.categories}
    return titles.get(name, name) if name else WITHOUT


def _count_on(facts: MonthFacts, number: int) -> tuple[int, int, int, int]:
    day = facts.by_day[number]
    calls = day.calls.calls if day.calls else None
    return (day.opened.total if day.opened else 0, *((calls.offered, calls.answered, calls.abandoned) if calls else (0, 0, 0)))


def _plural(kind: str) -> str:
    return f'{KINDS[kind]}s'.capitalize()


def _all(found: object) -> Decimal | None:
    return Decimal(100) if found else None


def _percent(part: float | None) -> Decimal | None:
    return None if part is None else (Decimal(str(part)) * 100).quantize(Decimal('0.1'))


def _level(level: Level) -> tuple[Value, ...]:
    cases = level.kept + level.breached
    verdict = 'sin casos' if not cases else 'todos a tiempo' if not level.breached else f'{level.breached} fuera de tiempo'
    return cases, level.kept, level.kept_percent, None, verdict


def _verdict(cases: int, met: bool) -> str:
    return 'sin casos' if not cases else 'cumplido' if met else 'no cumplido'


def _seconds(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(str(value)).quantize(Decimal(1))


def _end(disposition: str | None) -> str:
    return DISPOSITIONS.get(disposition, disposition or '')


def _quota_rows(facts: MonthFacts) -> Iterator[tuple[Value, ...]]:
    """The last months that were told, and those that something is charged for now."""
    for modality, use in facts.overage.items():
        for one in use.uses:
            lines = [line for line in use.due if line.month == one.month]
            if lines or one.month > facts.month.plus(-3):
                above = '—' if one.allowance is None else 'sí' if one.is_above else 'no'
                of_month = (MODALITIES[modality], one.month.title, one.allowance, one.requests, above)
                if not lines:
                    yield (*of_month, None, None, None)
                for line in lines:
                    yield (*of_month, line.units, line.price, line.amount)


def _correction_rows(facts: MonthFacts) -> Iterator[tuple[Value, ...]]:
    def said(counts: bool) -> str:
        return 'cuenta' if counts else 'no cuenta'
    for month, found in sorted(facts.corrections.items()):
        for one in found:
            yield month.title, one.folio, said(one.counted), one.why_then, said(one.counts), one.why_now


def _quota_charts(facts: MonthFacts) -> Iterator[Chart]:
    for modality, use in facts.overage.items():
        year = [one for one in use.uses if one.month > facts.month.plus(-12)]
        if any(one.allowance is not None for one in year):
            yield Chart(f'quota_{modality.value}', f'Solicitudes de {MODALITIES[modality]} y su cuota', 'line',
                        tuple(_short(one.month) for one in year),
                        (Series('Solicitudes', tuple(one.requests for one in year)),
                         Series('Cuota', tuple(one.allowance for one in year))), 'solicitudes')


def _short(month: Month) -> str:
    return f'{month.name[:3]} {month.year % 100:02}'
