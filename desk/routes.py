"""The table of all routes of the desk: read it to know what there is, and who may."""
from __future__ import annotations

from desk.accounts.values import AGENTS, ALL_ROLES
from desk.pages import events, folio_page, new_folio, searching, sign_in, work_lists
from desk.web.frame import Route

ROUTES: tuple[Route, ...] = (
    Route('GET', '/', sign_in.home, ALL_ROLES, 'Leads everybody to the page on which he begins.'),
    Route('GET', '/entrar', sign_in.show_sign_in, frozenset(), 'The sign-in form.'),
    Route('POST', '/entrar', sign_in.sign_in, frozenset(), 'Signs in.'),
    Route('POST', '/salir', sign_in.sign_out, ALL_ROLES, 'Signs out.'),
    Route('GET', '/mi-cuenta', sign_in.show_account, ALL_ROLES, "One's own account."),
    Route('POST', '/mi-cuenta/contrasena', sign_in.change_password, ALL_ROLES, "Changes one's own password."),
    Route('POST', '/mi-cuenta/codigos', sign_in.set_codes, ALL_ROLES, 'Asks for a code at sign-in from now on, or no more.'),
    Route('GET', '/eventos', events.events, ALL_ROLES, 'Live states, as Server-Sent Events.', streams=True, media='text/event-stream'),

    # --- folios (the paths with more words stand first) -----------------------------------------------------------------
    Route('GET', '/folios', work_lists.show, AGENTS, 'The work lists.'),
    Route('GET', '/buscar', searching.show, AGENTS, 'Full-text search.'),
    Route('GET', '/folios/nuevo', new_folio.show, AGENTS, 'The form of a new folio.'),
    Route('POST', '/folios/nuevo', new_folio.create, AGENTS, 'Opens a folio by hand.'),
    Route('GET', '/folios/nuevo/usuarios', new_folio.users, AGENTS, 'Suggests users of a client.', media='application/json'),
    Route('GET', '/folios/{number}', folio_page.show, AGENTS, "A folio's page."),
    Route('POST', '/folios/{number}/archivo', folio_page.attach, AGENTS, 'Adds a file to a folio.', largest=26_000_000),
    Route('GET', '/folios/{number}/archivos/{file_id}', folio_page.file, AGENTS, 'A file of a folio.', media='application/octet-stream'),
    Route('POST', '/folios/{number}/escribiendo', folio_page.writing, AGENTS, 'Says that somebody writes in a folio.'),
    Route('POST', '/folios/{number}/llamar', folio_page.call, AGENTS, "Calls a number of a folio from one's own telephone."),
    Route('POST', '/folios/{number}/{action}', folio_page.act, AGENTS, 'Does something to a folio: see desk/folio_actions.py.'),
)
