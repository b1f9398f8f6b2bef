"""The table of all routes of the desk: read it to know what there is, and who may."""
from __future__ import annotations

from desk.accounts.values import AGENTS, ALL_ROLES, Role
from desk.api.table import API_ROUTES
from desk.pages import (
    agent,
    api_page,
    calendars,
    events,
    folio_page,
    health,
    lines,
    new_folio,
    portal,
    searching,
    sign_in,
    softphone,
    statements,
    statistics,
    wallboard,
    work_lists,
)
from desk.web.frame import Route

LEADERS = frozenset({Role.SUPERVISOR, Role.ADMIN})
SUPERVISORS = frozenset({Role.SUPERVISOR})
ADMINS = frozenset({Role.ADMIN})
CONTACTS = frozenset({Role.CONTACT})

PERIOD = (('cliente', "a client's key"), ('modalidad', 'a modality'), ('desde', 'the first local day'), ('hasta', 'the last one, included'))

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
    Route('GET', '/tablero', wallboard.show, LEADERS, 'The wallboard: queues, agents, service level, breaches ahead.',
          query=(('pantalla', "'grande': for a screen on the wall"),)),
    Route('POST', '/tablero/escuchar', wallboard.listen, SUPERVISORS, "Hears an agent's conversation, or whispers to him."),
    Route('GET', '/estadisticas', statistics.show, LEADERS, 'Statistics of any period and client: figures, a chart by day, a table.',
          query=PERIOD),
    Route('GET', '/estadisticas.csv', statistics.table, LEADERS, 'The same by day, as a table of all figures.', media='text/csv',
          query=PERIOD),
    Route('GET', '/lineas', lines.show_lines, LEADERS, 'The contracted lines: open or closed, why, until when.'),
    Route('GET', '/colas', lines.show_queues, LEADERS, 'The queues and who is in them.'),
    Route('POST', '/colas/mover', lines.move, SUPERVISORS, 'Puts an agent into a queue, or takes him out.'),
    Route('GET', '/calendarios', calendars.show_all, LEADERS, 'The calendars.'),
    Route('GET', '/calendarios/{calendar}', calendars.this_year, LEADERS, 'Leads to the present year of a calendar.'),
    Route('GET', '/calendarios/{calendar}/{year}', calendars.show_year, LEADERS, 'A year of a calendar as a picture and as text.'),
    Route('GET', '/salud', health.show, ADMINS, 'How every part is, and what to do.'),
    Route('GET', '/bitacora', health.show_log, ADMINS, 'Who signed in, changed an account or heard a call.',
          query=(('usuario', 'of this login alone'),)),
    Route('GET', '/cliente/folios', portal.show_folios, CONTACTS, "A client's own folios.",
          query=(('estado', "a state, 'abiertos' or 'todos'"), ('desde', 'where the page begins'))),
    Route('GET', '/cliente/folios/{number}', portal.show_folio, CONTACTS, "A client's own folio, as far as it is told."),
    Route('GET', '/cliente/confirmaciones', portal.show_confirmations, CONTACTS, 'Resolutions that wait for his word.'),
    Route('POST', '/cliente/confirmaciones/{number}', portal.answer, CONTACTS, 'Confirms a resolution, or says that it is none.'),
    Route('GET', '/cliente/estados', portal.show_months, CONTACTS, 'The issued statements, and the last twelve months in numbers.'),
    Route('GET', '/cliente/estados/{month}/{format}', statements.give_own, CONTACTS, 'An issued statement as a file.',
          media='application/octet-stream'),
    Route('GET', '/estados', statements.show_all, LEADERS, "Every client's months: issued statements and drafts."),
    Route('GET', '/estados/{client}/{month}/{format}', statements.give, LEADERS, 'A statement, or a draft, as a file.',
          media='application/octet-stream'),
    Route('GET', '/eventos', events.events, ALL_ROLES, 'Live states, as Server-Sent Events.', streams=True, media='text/event-stream'),

    # --- folios (the paths with more words stand first) -----------------------------------------------------------------
    Route('GET', '/folios', work_lists.show, AGENTS, 'The work lists.',
          query=(('lista', 'mias, grupo, por-vencer, sin-asignar or todas'), ('cliente', "a client's key"),
                 ('desde', 'where the page begins'))),
    Route('GET', '/buscar', searching.show, AGENTS, 'Full-text search.',
          query=(('q', "words, or a folio's number"), ('cliente', "a client's key"), ('desde', 'where the page begins'))),
    Route('GET', '/folios/nuevo', new_folio.show, AGENTS, 'The form of a new folio.',
          query=(('cliente', "a client's key"), ('usuario', 'an employee number'))),
    Route('POST', '/folios/nuevo', new_folio.create, AGENTS, 'Opens a folio by hand.'),
    Route('GET', '/folios/nuevo/usuarios', new_folio.users, AGENTS, 'Suggests users of a client.', media='application/json',
          query=(('cliente', "a client's key"), ('q', "the beginning of a name or number, or part of a telephone's"))),
    Route('GET', '/folios/{number}', folio_page.show, AGENTS, "A folio's page.",
          query=(('accion', 'the form that is open'), ('orden', "of the timeline: 'nuevas' or 'antiguas'"))),
    Route('POST', '/folios/{number}/archivo', folio_page.attach, AGENTS, 'Adds a file to a folio.', largest=26_000_000),
    Route('GET', '/folios/{number}/archivos/{file_id}', folio_page.file, AGENTS, 'A file of a folio.', media='application/octet-stream'),
    Route('POST', '/folios/{number}/escribiendo', folio_page.writing, AGENTS, 'Says that somebody writes in a folio.'),
    Route('POST', '/folios/{number}/llamar', folio_page.call, AGENTS, "Calls a number of a folio from one's own telephone."),
    Route('POST', '/folios/{number}/{action}', folio_page.act, AGENTS, 'Does something to a folio: see desk/folios/actions.py.'),
    Route('GET', '/api', api_page.show_api, frozenset(), 'The API, for people who write programs.'),
    Route('GET', '/api/v1/openapi.json', api_page.give_file, frozenset(), 'This file.'),
    *API_ROUTES,
)
