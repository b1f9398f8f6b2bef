"""The table of all routes of the desk: read it to know what there is, and who may."""
from __future__ import annotations

from desk.accounts.values import ALL_ROLES
from desk.api.table import API_ROUTES
from desk.pages import api_page, events, sign_in
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
    Route('GET', '/api', api_page.show_api, frozenset(), 'The API, for people who write programs.'),
    Route('GET', '/api/v1/openapi.json', api_page.give_file, frozenset(), 'This file.'),
    *API_ROUTES,
)
