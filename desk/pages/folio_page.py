"""A folio's page: everything that is known of it, and what may be done to it now (mission.md chapter 4, 6.2)."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ami_listener.orders import OrderError
from ami_listener.presence import BROWSER
from desk.desk import Desk
from desk.folios.actions import ACTIONS, ATTACH, TOOLS, Deed
from desk.folios.sheet import HEARD, EntryView, Sheet, entry_title, folders_of, sheet_of
from desk.folios.viewing import Typed, grouped, name_of, shown_number, viewer_of, visible_folio
from desk.web.frame import Answer, Visit, download, see_other
from desk.web.render import page
from ticketing.attaching import Attaching
from ticketing.growth import QUIET
from ticketing.since import changes_since
from ticketing.spanish import FIELDS
from ticketing.values import Entry, EntryKind, Folio, FolioChanged, NotAllowed, TicketingError, UnknownFolio

INLINE = ('audio/', 'image/png', 'image/jpeg', 'image/gif', 'image/webp')      # what no browser runs
OLDEST = 'antiguas'                                   # first, in the timeline; otherwise what is new
MOST_SINCE = 8                                         # of what others did, the last
COLUMNS: Mapping[str, str] = {
    **FIELDS,
    'state': 'estado', 'priority': 'prioridad', 'agent': 'quién lo tiene', 'resolver_group': 'grupo', 'holder': 'quién lo tiene',
    'category': 'categoría', 'solution': 'solución', 'impact': 'impacto', 'urgency': 'urgencia', 'waiting_for': 'espera',
    'complained_of': 'queja', 'acknowledged_at': 'acuse', 'resolved_at': 'solución', 'closed_at': 'cierre',
}


@dataclass(frozen=True)
class Refusal:
    """Why a form was not stored: a sentence, and what others have done since the person looked."""

    slug: str
    says: str
    entries: tuple[EntryView, ...] = ()
    fields: str = ''


def show(desk: Desk, visit: Visit) -> Answer:
    """The page."""
    folio = visible_folio(desk, visit.who, visit.words['number'])
    stored = visit.query.get('guardado', '').rpartition(':')[2]
    done = ACTIONS[stored].done if stored in ACTIONS else 'El archivo quedó guardado.' if stored == ATTACH else ''
    says = 'Su teléfono suena primero; después se llama al número.' if stored == 'llamar' else done
    return _page(desk, visit, folio, visit.query.get('accion', ''), {}, says=says)


def act(desk: Desk, visit: Visit) -> Answer:
    """Do what a form asks for; what a rule refuses comes back beside the form, with what was typed."""
    folio = visible_folio(desk, visit.who, visit.words['number'])
    action = ACTIONS.get(visit.words['action'])
    if action is None:
        raise UnknownFolio(f'nothing is called {visit.words["action"]!r}')
    try:
        if action.slug == 'duplicado':
            visible_folio(desk, visit.who, ''.join(visit.form.get('otro', '').split()))
        after = action.perform(desk.lifecycle, Deed(folio.number, visit.form, visit.who.login, visit.now, _version(visit)))
    except FolioChanged:
        return _changed(desk, visit, action.slug)
    except TicketingError as error:
        return _refused(desk, visit, Refusal(action.slug, error.told or str(error)))
    desk.grown(folio.number)
    if not viewer_of(visit.who).sees(after):
        return see_other('/folios')
    return _back(visit, action.slug)


def attach(desk: Desk, visit: Visit) -> Answer:
    """Add a file to the folio."""
    folio = visible_folio(desk, visit.who, visit.words['number'])
    upload = visit.files.get('archivo')
    if upload is None or not upload.title:
        return _refused(desk, visit, Refusal(ATTACH, 'Elija un archivo.'))
    try:
        Attaching(desk.db, desk.site, folders_of(desk)).attach_file(folio.number, upload.title, upload.data, visit.who.login, visit.now)
    except TicketingError as error:
        return _refused(desk, visit, Refusal(ATTACH, error.told or str(error)))
    desk.grown(folio.number)
    return _back(visit, ATTACH)


def file(desk: Desk, visit: Visit) -> Answer:
    """A file of the folio; that somebody listens to what was said is in the timeline before he hears it (mission.md 3.8)."""
    folio = visible_folio(desk, visit.who, visit.words['number'])
    if not visit.words['file_id'].isdecimal():
        raise UnknownFolio('files have numbers')
    try:
        opened = Attaching(desk.db, desk.site, folders_of(desk)).open_file(
            folio.number, int(visit.words['file_id'][:15]), visit.who.login, visit.now)
        data = opened.path.read_bytes()
    except (TicketingError, FileNotFoundError) as error:
        raise UnknownFolio(f'folio {folio.number} has no such file: {error}') from error
    desk.grown(folio.number)
    return download(data, opened.content_type, opened.title, opened.content_type.startswith(INLINE), visit.wanted_range)


def writing(desk: Desk, visit: Visit) -> Answer:
    """He writes in a form of the folio, or has stopped: who looks at it, too, sees that."""
    folio = visible_folio(desk, visit.who, visit.words['number'])
    what = visit.form.get('que', '')
    desk.writing(folio.number, visit.who, ACTIONS[what].title.lower() if what in ACTIONS else '')
    return Answer(204)


def call(desk: Desk, visit: Visit) -> Answer:
    """Call a number of the folio from one's own telephone (mission.md 6.2)."""
    folio = visible_folio(desk, visit.who, visit.words['number'])
    agent = desk.site().agents.get(visit.who.login)
    try:
        click = desk.clicks.begin(folio.number, visit.form.get('telefono', ''), visit.who.login, visit.now)
    except TicketingError as error:
        return _refused(desk, visit, Refusal('llamar', error.told or str(error)))
    assert agent is not None                           # `begin` refuses whoever has no telephone
    chosen = desk.presence.get(agent.login, visit.moment)
    try:
        desk.orders.call(agent.browser_phone if chosen and chosen.phone == BROWSER else agent.desk_phone, click)
    except OrderError as error:
        desk.clicks.ended(click.linkedid, 'failed', visit.now)
        return _refused(desk, visit, Refusal('llamar', str(error)))
    desk.grown(folio.number)
    return _back(visit, 'llamar')


def _version(visit: Visit) -> int:
    text = visit.form.get('version', '')
    if not text.isdecimal():
        raise NotAllowed('the form has no version', 'La página está incompleta: actualícela e intente otra vez.')
    return int(text[:9])


def _changed(desk: Desk, visit: Visit, slug: str) -> Answer:
    """Somebody was quicker: show what he did, keep what was typed, and offer to send it again."""
    folio = visible_folio(desk, visit.who, visit.words['number'])
    since = changes_since(desk.db, folio.number, _version(visit))
    site = desk.site()
    entries = tuple(EntryView(entry.id, entry.kind, entry_title(entry.kind), name_of(site, entry.by), entry.at,
                              _short(entry), entry.call, None) for entry in since.entries if entry.kind not in QUIET)
    fields = ', '.join(dict.fromkeys(COLUMNS[name] for name in since.fields if name in COLUMNS))
    says = 'El folio cambió mientras usted escribía, así que todavía no se guardó lo suyo. Su texto sigue aquí: revise y envíe otra vez.'
    return _refused(desk, visit, Refusal(slug, says, entries[-MOST_SINCE:], fields), 409)


def _short(entry: Entry) -> str:
    """An entry's words without the digests of files."""
    if entry.kind in HEARD:
        return ''
    return entry.text.partition(' (')[0] if entry.kind == EntryKind.ATTACHMENT else entry.text


def _refused(desk: Desk, visit: Visit, refusal: Refusal, status: int = 422) -> Answer:
    folio = visible_folio(desk, visit.who, visit.words['number'])
    # What he left as it was shows what stands there now: to send the form again must not undo what somebody else corrected.
    typed = {name: text for name, text in visit.form.items() if visit.form.get(f'antes_{name}') != text}
    return _page(desk, visit, folio, refusal.slug, typed, refusal=refusal, status=status)


def _back(visit: Visit, slug: str) -> Answer:
    order = f'&orden={OLDEST}' if visit.form.get('orden') == OLDEST else ''
    number = visit.words['number']
    return see_other(f'/folios/{number}?guardado={number}:{slug}{order}')


def _page(desk: Desk, visit: Visit, folio: Folio, wanted: str, typed: Mapping[str, str], *, says: str = '',
          refusal: Refusal | None = None, status: int = 200) -> Answer:
    sheet, report = sheet_of(desk, folio, visit.who, visit.now), folio.report
    order = visit.form.get('orden') or visit.query.get('orden', '')
    entries = sheet.entries if order == OLDEST else sheet.entries[::-1]
    panel = wanted if wanted == ATTACH or (wanted in sheet.actions and not sheet.actions[wanted].direct) else 'nota'
    return page(
        visit, 'folio.html.j2', status, title=f'Folio {folio.number}', sheet=sheet, folio=folio, report=report, entries=entries,
        oldest_first=order == OLDEST, open_panel=panel, wanted=wanted, typed=Typed(typed), says=says, refusal=refusal,
        lost=_lost(sheet, refusal, typed), tools=TOOLS, categories=[(one.name, one.title) for one in sheet.categories],
        applications=[(one.key, one.title) for one in sheet.applications], people=[(one.login, one.name) for one in sheet.agents],
        numbers=[(one.number, shown_number(one.number), one.whose) for one in sheet.numbers], line=shown_number(report.line),
        caller=shown_number(report.caller_number), shown=grouped(folio.number))


def _lost(sheet: Sheet, refusal: Refusal | None, typed: Mapping[str, Any]) -> str:
    """What was typed into a form that the folio's new state offers no more: it goes into the note, so that nothing is lost."""
    if refusal is None or refusal.slug in sheet.actions or refusal.slug in (ATTACH, 'llamar'):
        return ''
    names = ('texto', 'solucion', 'diagnostico', 'motivo', 'comentario')
    return '\n'.join(typed[name] for name in names if typed.get(name))
