"""The table of all routes of the desk: read it to know what there is, and who may."""
from __future__ import annotations

from desk.accounts.values import AGENTS, ALL_ROLES
from desk.pages import agent, events, folio_page, new_folio, searching, sign_in, softphone, work_lists
from desk.web.frame import Route

ROUTES: tuple[Route, ...] = (
    Route('GET', '/', sign_in.home, ALL_ROLES, 'Leads everybody to the page on which he begins.'),
    Route('GET', '/entrar', sign_in.show_sign_in, frozenset(), 'The sign-in form.'),
    Route('POST', '/entrar', sign_in.sign_in, frozenset(), 'Signs in.'),
    Route('POST', '/salir', sign_in.sign_out, ALL_ROLES, 'Signs out.'),
    Route('GET', '/mi-cuenta', sign_in.show_account, ALL_ROLES, "One's own account."),
    Route('POST', '/mi-cuenta/contrasena', sign_in.change_password, ALL_ROLES, "Changes one's own password."),
    Route('POST', '/mi-cuenta/codigos', sign_in.set_codes, ALL_ROLES, 'Asks for a code at sign-in from now on, or no more.'),
    Route('GET', '/agente', agent.show, AGENTS, "An agent's own page: telephone, state, call, work."),
    Route('POST', '/agente/telefono', agent.choose_phone, AGENTS, 'Chooses the telephone that rings.'),
    Route('POST', '/agente/listo', agent.ready, AGENTS, 'Takes calls from now on.'),
    Route('POST', '/agente/pausa', agent.pause, AGENTS, 'Takes no calls, for a reason.'),
    Route('POST', '/agente/seguimiento', agent.wrap_up, AGENTS, 'Needs more time after a call.'),
    Route('POST', '/agente/fuera', agent.away, AGENTS, 'No telephone of his rings.'),
    Route('POST', '/agente/colgar', agent.hang_up, AGENTS, 'Ends the call on his telephone.'),
    Route('POST', '/agente/retener', agent.hold, AGENTS, 'Puts his call on hold.'),
    Route('POST', '/agente/retomar', agent.resume, AGENTS, 'Takes his call from hold.'),
    Route('POST', '/agente/transferir', agent.transfer, AGENTS, 'Transfers his call to an agent or a queue.'),
    Route('GET', '/telefono', softphone.show, AGENTS, "The telephone in an agent's browser."),
    Route('POST', '/telefono/clave', softphone.credentials, AGENTS, 'The name and password of his telephone.', media='application/json'),
    Route('GET', '/telefono/ws', softphone.socket, AGENTS, 'SIP over WebSocket, carried to Asterisk.', streams=True),
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
