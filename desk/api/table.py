"""The routes of the API: part of the table in `desk/routes.py`."""
from __future__ import annotations

from desk.accounts.values import ALL_ROLES, STAFF, Role
from desk.api import board, folios, registers, statements
from desk.api.models import (
    BoardGiven,
    Calls,
    CallsAsked,
    CallShown,
    Faxes,
    FaxesAsked,
    FolioGiven,
    Folios,
    FoliosAsked,
    FolioShown,
    Hits,
    IssuedList,
    LineGiven,
    Lines,
    Me,
    Opening,
    SearchAsked,
    StatementsAsked,
    StatementShown,
    UserAsked,
    UserGiven,
)
from desk.api.moves import MOVE_ROUTES
from desk.web.frame import Route

LEADERS = frozenset({Role.SUPERVISOR, Role.ADMIN})
READERS = LEADERS | {Role.CONTACT}

API_ROUTES: tuple[Route, ...] = (
    Route('GET', '/api/v1/me', registers.me, ALL_ROLES, 'Whom the token stands for.', gives=Me),
    Route('GET', '/api/v1/folios', folios.list_folios, ALL_ROLES, 'Folios, the newest first.', asks=FoliosAsked, gives=Folios),
    Route('POST', '/api/v1/folios', folios.open_folio, STAFF, 'Opens a folio.', takes=Opening, gives=FolioGiven, creates=True),
    Route('GET', '/api/v1/folios/{number}', folios.show_folio, ALL_ROLES, 'A folio with its timeline.', gives=FolioShown),
    *MOVE_ROUTES,
    Route('GET', '/api/v1/search', folios.search_folios, ALL_ROLES, 'Full-text search over folios.', asks=SearchAsked, gives=Hits),
    Route('GET', '/api/v1/calls', registers.list_calls, STAFF, 'The call log, the newest first.', asks=CallsAsked, gives=Calls),
    Route('GET', '/api/v1/calls/{linkedid}', registers.show_call, STAFF, 'A call with its legs.', gives=CallShown),
    Route('GET', '/api/v1/clients/{client}/users', registers.find_user, STAFF, "A user on a client's list.", asks=UserAsked,
          gives=UserGiven),
    Route('GET', '/api/v1/faxes', registers.list_faxes, STAFF, 'Received faxes, without their content.', asks=FaxesAsked, gives=Faxes),
    Route('GET', '/api/v1/statements', statements.list_statements, READERS, 'Issued statements, the newest month first.',
          asks=StatementsAsked, gives=IssuedList),
    Route('GET', '/api/v1/statements/{client}/{month}', statements.show_statement, READERS, 'A statement, exactly as it was issued.',
          gives=StatementShown),
    Route('GET', '/api/v1/board', board.show_board, LEADERS, 'The wallboard now.', gives=BoardGiven),
    Route('GET', '/api/v1/lines', registers.list_lines, ALL_ROLES, 'The lines, and whether they are open now.', gives=Lines),
    Route('GET', '/api/v1/lines/{number}', registers.show_line, ALL_ROLES, 'A line, and whether it is open now.', gives=LineGiven),
)
