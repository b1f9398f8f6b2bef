"""Whether a letter that waited still says what is so: one held over a weekend may be about what was settled meanwhile (mission.md 4.5-4.7).

Only letters that ask somebody to do something grow old; what tells a user of a change stays true.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Connection, select

from config.values import Site
from storage.engine import Database
from ticketing.folio_rows import FOLIO, folio_of
from ticketing.levels.clock import RESPOND
from ticketing.mail.outbox import Outgoing
from ticketing.notices import is_of_the_accused
from ticketing.tables import close_calls, folios, problems
from ticketing.values import OPEN_STATES, Folio, State

OVER = 'el folio ya no está abierto'
ANSWERED = 'ya hubo primera respuesta'
ELSEWHERE = 'el folio ya no está con ese grupo'
SETTLED = 'ya no se espera esa confirmación'
DECIDED = 'ya se decidió sobre el problema'
ACCUSED = 'es de la persona de quien se queja el usuario'


def outdated(db: Database, row: Outgoing, site: Site) -> str | None:
    """Why a letter should not leave any more, in Spanish; None: it should. Raises DatabaseUnavailable."""
    if row.folio_id is None:
        return None
    with db.read() as connection:
        found = connection.execute(FOLIO.where(folios.c.id == row.folio_id)).first()
        if found is None:
            return None
        folio = folio_of(found)
        if is_of_the_accused(site, folio, row.recipient) and row.recipient != folio.report.user_email:
            return ACCUSED
        return ASKS[row.notice](connection, row, folio, site) if row.notice in ASKS else None


def _escalation(connection: Connection, row: Outgoing, folio: Folio, site: Site) -> str | None:
    if folio.state not in OPEN_STATES:
        return OVER
    return ANSWERED if row.facts.get('step') == RESPOND and folio.responded_at is not None else None


def _handover(connection: Connection, row: Outgoing, folio: Folio, site: Site) -> str | None:
    if folio.state not in OPEN_STATES:
        return OVER
    client = site.clients.get(folio.report.client)
    group = client.groups.get(folio.resolver_group or '') if client else None
    return None if group is not None and group.email == row.recipient else ELSEWHERE


def _confirm(connection: Connection, row: Outgoing, folio: Folio, site: Site) -> str | None:
    asked = connection.execute(select(close_calls.c.state, close_calls.c.cycle).where(
        close_calls.c.id == row.facts.get('close_call_id'), close_calls.c.folio_id == row.folio_id)).first()
    pending = asked is not None and asked.state == 'mailed' and folio.state is State.RESOLVED and folio.reopens == asked.cycle
    return None if pending else SETTLED


def _problem(connection: Connection, row: Outgoing, folio: Folio, site: Site) -> str | None:
    state = connection.scalar(select(problems.c.state).where(problems.c.id == row.facts.get('problem_id')))
    return None if state == 'proposed' else DECIDED


ASKS: Mapping[str, Callable[[Connection, Outgoing, Folio, Site], str | None]] = {
    'escalation': _escalation, 'handover': _handover, 'confirm': _confirm, 'problem_proposed': _problem}
