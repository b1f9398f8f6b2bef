"""A whole statement such as a busy client's month gives, made from a seed; with names that try to be more than names."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from zoneinfo import ZoneInfo

from contracts.statement import Charge, Chart, Column, Kind, Section, Series, Statement, Table, Value
from contracts.words import in_words

ZONE = ZoneInfo('America/Mexico_City')
DAYS = 31
FIRST = date(2026, 10, 1)
CATEGORIES = ('Correo electrónico', 'Contraseñas y accesos', 'Impresoras', 'Red e internet', 'Sistema de almacén', 'Equipo de cómputo')
KINDS = ('Falla', 'Solicitud', 'Queja')
SITES = ('Naucalpan', 'Monterrey', 'Guadalajara', 'Mérida', 'Tijuana')
# What a caller, a mail or a list of users may bring into a statement.
FORMULA = '=HYPERLINK("https://ladrones.example","Ver estado de cuenta")'
SCRIPT = '<script>alert("hola")</script><img src=x onerror=alert(1)>'
LONG_WORD = 'Superextraordinarísimamente' * 6
ARABIC = '\N{RIGHT-TO-LEFT OVERRIDE}عميل مهم 1234\N{RIGHT-TO-LEFT MARK}'
LONG_CATEGORY = ('Categoría con un nombre que alguien escribió sin pensar en quien la lee ' * 4)[:200]
HOSTILE = (
    FORMULA,
    SCRIPT,
    LONG_WORD,
    ARABIC,
    LONG_CATEGORY,
    '+52 55 1234 5678',
    '-1+1',
    '@SUM(A1:A9)',
    '\t=1+1',
    '\r=2+2',
    'a"b,c\nd',
    "'ya con apóstrofo",
    '_x0041_ \x07 campana',
    '&lt;b&gt; & Ñandú',
    '{{ 7*7 }} {% raw %}',
)
CENT = Decimal('0.01')


def cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, ROUND_HALF_UP)


def percent(part: int, whole: int) -> Decimal | None:
    return (Decimal(part * 100) / whole).quantize(Decimal('0.1'), ROUND_HALF_UP) if whole else None


def sample(folios: int = 320, calls: int = 900, hostile: bool = True, issued: bool = True) -> Statement:
    """The statement of October 2026 of an invented company; the same arguments give the same statement."""
    chance = Random(7)
    names = CATEGORIES if not hostile else (*CATEGORIES[:4], LONG_CATEGORY, SCRIPT)
    folio_rows = tuple(_folio(chance, index, names, hostile) for index in range(folios))
    call_rows = tuple(_call(chance, index, folio_rows) for index in range(calls))
    ours = _ours(chance, folio_rows)
    sections = (
        _by_day(folio_rows, names),
        _kinds(folio_rows),
        _levels(chance),
        _waiting(call_rows),
        _satisfaction(),
        _quota(folios),
        _outbound(ours),
        _unlisted(folio_rows, hostile),
        _faxes(chance),
        _annex(folio_rows, call_rows),
    )
    spoken = sum((row[6] for row in ours), Decimal(0))
    over = max(0, folios - 300)
    charges = (
        Charge('fee', 'Renta mensual del servicio HELP DESK 911, 300 solicitudes', 1, Decimal('48500.00'), Decimal('48500.00')),
        Charge('fee', 'Renta mensual del servicio Premium, 60 solicitudes', 1, Decimal('21350.00'), Decimal('21350.00')),
        Charge('overage', 'Solicitudes excedentes', 12, Decimal('145.50'), Decimal('1746.00'), 'quota', '2026-08'),
        Charge('overage', 'Solicitudes excedentes', 9, Decimal('145.50'), Decimal('1309.50'), 'quota', '2026-09'),
        Charge('overage', 'Solicitudes excedentes', over, Decimal('145.50'), cents(over * Decimal('145.50')), 'quota'),
        Charge('outbound', 'Llamadas de salida', len(ours), None, spoken, 'outbound'),
        Charge('visits', 'Visitas en sitio', 2, Decimal('1850.00'), Decimal('3700.00')),
        Charge(
            'correction',
            'Corrección: dos folios duplicados que se cobraron como excedentes',
            -2,
            Decimal('145.50'),
            Decimal('-291.00'),
            '',
            '2026-07',
        ),
    )
    subtotal = sum((charge.amount for charge in charges), Decimal(0))
    iva = cents(subtotal * 16 / 100)
    return Statement(
        client='nopalera',
        client_name='Grupo Nopalera',
        fiscal_name='Comercializadora Nopalera del Bajío, S.A. de C.V.',
        contract='HD-2024-017',
        site_name='Mesa de Ayuda del Valle',
        month='2026-10',
        month_title='octubre de 2026',
        zone='America/Mexico_City',
        first_day=FIRST,
        last_day=date(2026, 10, 31),
        made_at=datetime(2026, 11, 1, 7, 15, tzinfo=UTC),
        charges=charges,
        subtotal=subtotal,
        iva_percent=Decimal(16),
        iva=iva,
        total=subtotal + iva,
        words=in_words(subtotal + iva),
        sections=sections,
        notes=(
            'Este documento no es un CFDI: la factura electrónica se envía por separado.',
            'Importes en pesos mexicanos. Los precios son antes de impuestos, salvo donde se indica.',
            'Una solicitud es un folio con una petición confirmada de un usuario y cuenta en el mes en que se abrió.',
        ),
        issued_at=datetime(2026, 11, 3, 16, 40, tzinfo=UTC) if issued else None,
        issued_by='Rosa Elena Cárdenas' if issued else '',
    )


def _moment(chance: Random) -> datetime:
    day = chance.choices(range(DAYS), weights=[9 if (FIRST + timedelta(days=n)).isoweekday() < 6 else 1 for n in range(DAYS)])[0]
    local = datetime(2026, 10, 1, tzinfo=ZONE) + timedelta(days=day, minutes=chance.triangular(8 * 60, 20 * 60, 11 * 60))
    return local.replace(second=chance.randrange(60), microsecond=0).astimezone(UTC)


def _folio(chance: Random, index: int, names: tuple[str, ...], hostile: bool) -> tuple[Value, ...]:
    at = _moment(chance)
    user = (
        HOSTILE[index]
        if hostile and index < len(HOSTILE)
        else f'{chance.choice(("Ana", "Luis", "María José", "Óscar", "Íñigo"))} {chance.choice(("Nuñez", "Pérez", "Güemes"))}'
    )
    return (
        f'{10000007 + index * 13:08}',
        at,
        chance.choices(names, weights=(30, 24, 14, 11, 5, 3))[0],
        chance.choices(KINDS, weights=(52, 44, 4))[0],
        user,
        chance.choice(SITES),
        at + timedelta(minutes=chance.randrange(3, 2000)) if chance.random() < 0.95 else None,
        (chance.random() < 0.9 and 'sí') or 'no: duplicado',
    )


def _call(chance: Random, index: int, rows: tuple[tuple[Value, ...], ...]) -> tuple[Value, ...]:
    answered = chance.random() < 0.93
    return (
        f'1790{index:06}.{index * 3}',
        _moment(chance),
        f'+52{chance.randrange(5500000000, 8199999999)}',
        'atendida' if answered else 'abandonada',
        min(400, int(chance.expovariate(1 / 14))),
        chance.randrange(40, 900) if answered else None,
        chance.choice(rows)[0] if rows else None,
    )


def _ours(chance: Random, rows: tuple[tuple[Value, ...], ...]) -> tuple[tuple[Value, ...], ...]:
    found = []
    for _ in range(min(46, len(rows))):
        seconds = chance.randrange(15, 420)
        rate = chance.choice(('0.3500', '0.8500', '1.2000'))
        minutes = -(-seconds // 60)
        found.append(
            (
                _moment(chance),
                f'+52{chance.randrange(5500000000, 8199999999)}',
                chance.choice(('llamada de cierre', 'llamada de regreso', 'clic')),
                chance.choice(('México local', 'México nacional', 'México móvil')),
                minutes * 60,
                Decimal(rate),
                cents(minutes * Decimal(rate)),
                chance.choice(rows)[0],
            )
        )
    return tuple(sorted(found, key=lambda row: row[0]))


def _by_day(rows: tuple[tuple[Value, ...], ...], names: tuple[str, ...]) -> Section:
    counts = Counter((row[1].astimezone(ZONE).day, row[2]) for row in rows if isinstance(row[1], datetime))
    days = range(1, DAYS + 1)
    columns = (
        Column('day', 'Día', Kind.DATE),
        *(Column(f'category-{n}', name, Kind.COUNT) for n, name in enumerate(names)),
        Column('all', 'Todas', Kind.COUNT),
    )
    table = tuple((date(2026, 10, day), *(counts[day, name] for name in names), sum(counts[day, name] for name in names)) for day in days)
    total = ('Total', *(sum(counts[day, name] for day in days) for name in names), len(rows))
    chart = Chart(
        'by-day',
        'Solicitudes por día y categoría',
        'stacked',
        tuple(str(day) for day in days),
        tuple(Series(name, tuple(counts[day, name] for day in days)) for name in names),
        'solicitudes',
    )
    of = Counter(row[2] for row in rows)
    shares = tuple((name, of[name], percent(of[name], len(rows))) for name in names)
    return Section(
        'by_day',
        'Solicitudes por categoría y por día',
        (f'En octubre se abrieron {len(rows)} solicitudes.',),
        (
            Table(
                'categories',
                'Solicitudes por categoría',
                (
                    Column('category', 'Categoría'),
                    Column('requests', 'Solicitudes', Kind.COUNT),
                    Column('share', 'Del total', Kind.PERCENT),
                ),
                shares,
                ('Total', len(rows), Decimal(100)),
            ),
            Table('by_day', 'Solicitudes por día', columns, table, total, 'Días locales de la Ciudad de México.'),
        ),
        (chart,),
    )


def _kinds(rows: tuple[tuple[Value, ...], ...]) -> Section:
    counts = Counter((row[5], row[3]) for row in rows)
    table = tuple((site, *(counts[site, kind] for kind in KINDS)) for site in SITES)
    total = ('Total', *(sum(counts[site, kind] for site in SITES) for kind in KINDS))
    columns = (
        Column('site', 'Sitio'),
        Column('failures', 'Fallas', Kind.COUNT),
        Column('requests', 'Solicitudes', Kind.COUNT),
        Column('complaints', 'Quejas', Kind.COUNT),
    )
    chart = Chart('kinds', 'Por sitio', 'bars', SITES, tuple(Series(kind, tuple(counts[site, kind] for site in SITES)) for kind in KINDS))
    return Section('kinds', 'Fallas, solicitudes y quejas', (), (Table('kinds', 'Por sitio y tipo', columns, table, total),), (chart,))


def _levels(chance: Random) -> Section:
    values = tuple(None if (FIRST + timedelta(days=n)).isoweekday() > 5 else Decimal(chance.randrange(680, 990)) / 10 for n in range(DAYS))
    rows: tuple[tuple[Value, ...], ...] = (
        ('Contestar en 20 s', '80 % de las llamadas', 837, 712, Decimal('85.1'), 'cumplido'),
        ('Responder, prioridad alta', '15 min', 21, 20, Decimal('95.2'), 'cumplido'),
        ('Responder, prioridad media', '1 h', 164, 158, Decimal('96.3'), 'cumplido'),
        ('Responder, prioridad baja', '4 h', 135, 135, Decimal(100), 'cumplido'),
        ('Resolver, prioridad alta', '4 h', 21, 17, Decimal('81'), 'no cumplido'),
        ('Resolver, prioridad media', '10 h', 164, 160, Decimal('97.6'), 'cumplido'),
        ('Resolver, prioridad baja', '24 h', 0, 0, None, 'sin casos'),
    )
    columns = (
        Column('level', 'Nivel'),
        Column('target', 'Acordado'),
        Column('cases', 'Casos', Kind.COUNT),
        Column('within', 'A tiempo', Kind.COUNT),
        Column('percent', 'Cumplimiento', Kind.PERCENT),
        Column('verdict', 'Resultado'),
    )
    chart = Chart(
        'answered',
        'Llamadas contestadas en 20 segundos',
        'line',
        tuple(str(n + 1) for n in range(DAYS)),
        (Series('Contestadas a tiempo', values),),
        '%',
        ('Acordado: 80 %', Decimal(80)),
    )
    text = ('Los tiempos de respuesta y solución se miden en horas de servicio; las pausas que dependen del usuario no cuentan.',)
    return Section('levels', 'Niveles de servicio', text, (Table('levels', 'Cumplimiento del mes', columns, rows),), (chart,))


def _waiting(rows: tuple[tuple[Value, ...], ...]) -> Section:
    bounds = ((0, 10), (10, 20), (20, 30), (30, 60), (60, 120), (120, 300), (300, 10**6))
    names = ('0–10 s', '10–20 s', '20–30 s', '30–60 s', '1–2 min', '2–5 min', 'más de 5 min')
    counts = [sum(1 for row in rows if isinstance(row[4], int) and low <= row[4] < high) for low, high in bounds]
    table: tuple[tuple[Value, ...], ...] = tuple(
        (name, count, percent(count, len(rows))) for name, count in zip(names, counts, strict=True)
    )
    columns = (Column('wait', 'Espera'), Column('calls', 'Llamadas', Kind.COUNT), Column('share', 'Del total', Kind.PERCENT))
    means: tuple[tuple[Value, ...], ...] = (
        ('Espera media de las contestadas', 14),
        ('Espera más larga', 387),
        ('Conversación media', Decimal('312.4')),
    )
    return Section(
        'waiting',
        'Tiempos de espera',
        (),
        (
            Table('waits', 'Llamadas por tiempo de espera', columns, table, ('Total', len(rows), Decimal(100))),
            Table('times', 'Tiempos', (Column('what', 'Medida'), Column('time', 'min:s', Kind.SECONDS)), means),
        ),
        (Chart('waits', 'Llamadas por tiempo de espera', 'bars', names, (Series('Llamadas', tuple(counts)),)),),
    )


def _satisfaction() -> Section:
    counts = (3, 4, 11, 62, 97)
    rows: tuple[tuple[Value, ...], ...] = tuple((str(n + 1), count, percent(count, sum(counts))) for n, count in enumerate(counts))
    columns = (Column('score', 'Calificación'), Column('answers', 'Respuestas', Kind.COUNT), Column('share', 'Del total', Kind.PERCENT))
    return Section(
        'satisfaction',
        'Satisfacción',
        ('Calificación media: 4.39 de 5, con 177 respuestas de 283 encuestas.',),
        (Table('scores', 'Respuestas a la encuesta', columns, rows, ('Total', sum(counts), Decimal(100))),),
        (Chart('scores', 'Respuestas por calificación', 'bars', ('1', '2', '3', '4', '5'), (Series('Respuestas', counts),)),),
    )


def _quota(folios: int) -> Section:
    rows: tuple[tuple[Value, ...], ...] = (
        ('agosto de 2026', 300, 316, Decimal('105.3'), 'sí', 12, Decimal('145.50'), Decimal('1746.00')),
        ('septiembre de 2026', 300, 319, Decimal('106.3'), 'sí', 9, Decimal('145.50'), Decimal('1309.50')),
        (
            'octubre de 2026',
            300,
            folios,
            percent(folios, 300),
            'sí' if folios * 100 > 300 * 105 else 'no',
            max(0, folios - 300),
            Decimal('145.50'),
            cents(max(0, folios - 300) * Decimal('145.50')),
        ),
    )
    columns = (
        Column('month', 'Mes'),
        Column('allowance', 'Incluidas', Kind.COUNT),
        Column('requests', 'Solicitudes', Kind.COUNT),
        Column('used', 'Uso', Kind.PERCENT),
        Column('above', 'Más de 105 %'),
        Column('units', 'Excedentes', Kind.COUNT),
        Column('price', 'Precio', Kind.RATE),
        Column('amount', 'Importe', Kind.MONEY),
    )
    total = (
        'Total',
        None,
        None,
        None,
        None,
        sum(row[5] for row in rows if isinstance(row[5], int)),
        None,
        sum((row[7] for row in rows if isinstance(row[7], Decimal)), Decimal(0)),
    )
    return Section(
        'quota',
        'Cuota y excedentes',
        ('Los excedentes se cobran cuando las solicitudes superan la cuota en más de 5 % durante tres meses consecutivos.',),
        (Table('quota', 'Uso de la cuota', columns, rows, total),),
    )


def _outbound(ours: tuple[tuple[Value, ...], ...]) -> Section:
    columns = (
        Column('at', 'Fecha y hora', Kind.INSTANT),
        Column('number', 'Número'),
        Column('purpose', 'Motivo'),
        Column('destination', 'Destino'),
        Column('seconds', 'Cobrado', Kind.SECONDS),
        Column('rate', 'Por minuto', Kind.RATE),
        Column('amount', 'Importe', Kind.MONEY),
        Column('folio', 'Folio', Kind.FOLIO),
    )
    total = (
        'Total',
        None,
        None,
        None,
        sum(row[4] for row in ours if isinstance(row[4], int)),
        None,
        sum((row[6] for row in ours if isinstance(row[6], Decimal)), Decimal(0)),
        None,
    )
    return Section(
        'outbound',
        'Llamadas de salida',
        ('Llamadas que la mesa hizo a usuarios del cliente, cada una con su folio.',),
        (Table('outbound', 'Llamadas de salida', columns, ours, total, 'Cada minuto iniciado se cobra completo.'),),
    )


def _unlisted(rows: tuple[tuple[Value, ...], ...], hostile: bool) -> Section:
    found: tuple[tuple[Value, ...], ...] = tuple((row[1], row[4], '+525555550123', row[0]) for row in rows[: 18 if hostile else 8])
    columns = (
        Column('at', 'Fecha y hora', Kind.INSTANT),
        Column('name', 'Nombre que dio'),
        Column('number', 'Número'),
        Column('folio', 'Folio', Kind.FOLIO),
    )
    return Section(
        'unlisted',
        'Llamadas de personas fuera de la lista',
        (f'{len(found)} llamadas de personas que no están en la lista de usuarios.',),
        (Table('unlisted', 'Personas fuera de la lista', columns, found),),
    )


def _faxes(chance: Random) -> Section:
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (date(2026, 10, day), chance.randrange(0, 9), chance.randrange(0, 20)) for day in (1, 2, 5, 6, 7, 8, 9, 12, 13)
    )
    columns = (Column('day', 'Día', Kind.DATE), Column('faxes', 'Faxes', Kind.COUNT), Column('pages', 'Páginas', Kind.COUNT))
    total = ('Total', sum(row[1] for row in rows if isinstance(row[1], int)), sum(row[2] for row in rows if isinstance(row[2], int)))
    return Section('faxes', 'Faxes', (), (Table('faxes', 'Faxes recibidos', columns, rows, total),))


def _annex(folio_rows: tuple[tuple[Value, ...], ...], call_rows: tuple[tuple[Value, ...], ...]) -> Section:
    of_folios = (
        Column('folio', 'Folio', Kind.FOLIO),
        Column('opened', 'Abierto', Kind.INSTANT),
        Column('category', 'Categoría'),
        Column('kind', 'Tipo'),
        Column('user', 'Usuario'),
        Column('site', 'Sitio'),
        Column('closed', 'Resuelto', Kind.INSTANT),
        Column('counts', 'Cuenta'),
    )
    of_calls = (
        Column('call', 'Llamada', Kind.CALL),
        Column('at', 'Fecha y hora', Kind.INSTANT),
        Column('number', 'Número'),
        Column('end', 'Resultado'),
        Column('waited', 'Espera', Kind.SECONDS),
        Column('talked', 'Conversación', Kind.SECONDS),
        Column('folio', 'Folio', Kind.FOLIO),
    )
    return Section(
        'annex',
        'Anexos',
        ('Los folios y llamadas del mes, uno por renglón.',),
        (Table('folios', 'Folios', of_folios, folio_rows, annex=True), Table('calls', 'Llamadas', of_calls, call_rows, annex=True)),
    )
