"""A site small enough to know by heart: one client, two lines, two agents and three supervisors."""
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from config.hours import zone
from config.values import (
    Agent,
    Calendar,
    Category,
    Client,
    Contact,
    Emergency,
    HolidayBook,
    Line,
    Modality,
    QueueDef,
    ResolverGroup,
    Site,
    Span,
)
from ticketing.folios import FolioBook
from ticketing.opening_facts import with_terms
from ticketing.tables import folios
from ticketing.values import Report

LINE, WHOLE_DAY = '+528005550101', '+528005550102'
CITY = zone('America/Mexico_City')
SECOND = timedelta(seconds=1)


def at(text):
    """A wall-clock time of Mexico City as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=CITY).astimezone(UTC)


def a_site(**client_facts):
    calendars = {
        '5x12': Calendar('5x12', CITY, 'CMX', {day: (Span(480, 1200),) for day in range(1, 6)}),
        '24x7': Calendar('24x7', CITY, 'CMX', {day: (Span(0, 1440),) for day in range(1, 8)}, holidays=False)}
    client = replace(Client(
        'quetzal', 'Seguros Quetzal', frozenset({Modality.STANDARD}), (), frozenset(), None,
        (Category('1', 'correo', 'Correo electrónico', 'mesa/x'), Category('2', 'red', 'Red', 'mesa/x')), {},
        contact=Contact('Rita Luna', 'rita@quetzal.example'),
        groups={'redes': ResolverGroup('redes', 'Redes', True, 'redes@mesa.example', agents=('beto',))}), **client_facts)
    agents = {
        'ana': Agent('ana', 'Ana López', '101', ('quetzal',), email='ana@mesa.example'),
        'beto': Agent('beto', 'Beto Salgado', '102', ('quetzal',), email='beto@mesa.example'),
        'eva': Agent('eva', 'Eva Ríos', '103', (), email='eva@mesa.example', supervisor=True),
        'sol': Agent('sol', 'Sol Paz', '104', (), email='sol@mesa.example', supervisor=True),
        'mudo': Agent('mudo', 'Sin Correo', '105', (), supervisor=True)}
    lines = {
        number: Line(number, 'quetzal', Modality.STANDARD, calendar, 'quetzal', None, 'mesa/greeting')
        for number, calendar in ((LINE, '5x12'), (WHOLE_DAY, '24x7'))}
    return Site('prueba', True, CITY, {'quetzal': client}, lines, calendars, HolidayBook(), {}, {'quetzal': QueueDef('quetzal', 'quetzal')},
                agents, (), Emergency(('911',), '127.0.0.1'))


SITE = a_site()


def a_report(opened, line=LINE, **facts):
    return Report(**{'line': line, 'client': 'quetzal', 'modality': 'standard', 'clock_starts': opened, 'rule': 'prueba', **facts})


def open_folio(db, opened, site=SITE, line=LINE, *, agent='ana', responded=None, **facts):
    """An open folio as an opening stores it, given to an agent."""
    folio = FolioBook(db).open(with_terms(a_report(opened, line, **facts), site, opened), opened)
    with db.write() as connection:
        connection.execute(update(folios).where(folios.c.number == folio.number).values(agent=agent, responded_at=responded))
    return folio.number


def rows(db, table, *columns):
    with db.read() as connection:
        return connection.execute(select(*(table.c[name] for name in columns)).order_by(table.c.id)).all()
