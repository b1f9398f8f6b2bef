"""Full-text search over the folios that somebody may see (mission.md 6.2)."""
from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from desk.desk import Desk
from desk.folios.viewing import viewer_of
from desk.pages.work_lists import row_of
from desk.web.frame import Answer, Visit, see_other
from desk.web.render import page
from ticketing.damm import is_valid
from ticketing.finding.keys import BadPage
from ticketing.finding.search import NUMBER, Search

FIELDS: Mapping[str, str] = {
    'summary': 'Resumen', 'description': 'Descripción', 'solution': 'Solución', 'diagnosis': 'Diagnóstico', 'user_name': 'Usuario',
    'employee_number': 'Número de empleado', 'number': 'Folio', 'timeline': 'Historial', '': '',
}


def show(desk: Desk, visit: Visit) -> Answer:
    """What was found; a folio's whole number leads straight to it."""
    asked, site = visit.query.get('q', ''), desk.site()
    client = visit.query.get('cliente', '') if visit.query.get('cliente', '') in site.clients else None
    search, viewer = Search(desk.db), viewer_of(visit.who)
    try:
        found = search.search(asked, viewer, client, after=visit.query.get('desde'))
    except BadPage:
        found = search.search(asked, viewer, client)
    if found.number:
        return see_other(f'/folios/{found.number}')
    digits = ''.join(asked.replace('-', '').split())
    mistyped = NUMBER.fullmatch(digits) is not None and not is_valid(digits)
    further = f'/buscar?{urlencode({"q": asked, "cliente": client or "", "desde": found.page.after})}' if found.page.after else ''
    return page(visit, 'search.html.j2', title='Buscar', asked=asked, client=client or '', clients=site.clients, fields=FIELDS,
                hits=[(hit, row_of(site, hit.item, visit.now)) for hit in found.page.items], zone=site.zone, mistyped=mistyped,
                next_page=further)
