"""Issued statements through the API: the list, and each as it was issued, so that its SHA-256 can be verified (mission.md 7.5)."""
from __future__ import annotations

import base64
import binascii

from contracts.months import Month
from contracts.statements import Statements
from desk.api.models import IssuedGiven, IssuedList, StatementsAsked
from desk.api.reading import given, query_of, scope_of
from desk.desk import Desk
from desk.web.frame import JSON, Answer, Visit
from ticketing.finding.keys import BadPage
from ticketing.values import UnknownFolio


def list_statements(desk: Desk, visit: Visit) -> Answer:
    """A page of issued statements."""
    asked = query_of(StatementsAsked, visit)
    found = Statements(desk.db, desk.site).list(scope_of(visit.who, asked.client), asked.limit + 1, _key(asked.cursor))
    page = found[:asked.limit]
    items = [IssuedGiven(client=one.client, month=str(one.month), total=f'{one.total:.2f}', sha256=one.sha256, issued_at=one.issued_at,
                         issued_by=one.issued_by) for one in page]
    return given(IssuedList(items=items, next=_token(page[-1].month, page[-1].client) if len(found) > asked.limit else None))


def show_statement(desk: Desk, visit: Visit) -> Answer:
    """One statement, byte for byte as it was issued; a draft is not there."""
    try:
        month = Month.parse(visit.words['month'])
    except ValueError as error:
        raise UnknownFolio('there is no such month') from error
    body = Statements(desk.db, desk.site).body(scope_of(visit.who, visit.words['client']) or '', month)
    if body is None:
        raise UnknownFolio('there is no such statement')
    return Answer(200, body, JSON)


def _token(month: Month, client: str) -> str:
    return base64.urlsafe_b64encode(f'{month} {client}'.encode()).decode().rstrip('=')


def _key(token: str | None) -> tuple[Month, str] | None:
    """Where a page begins. Raises BadPage."""
    if token is None:
        return None
    try:
        month, _, client = base64.urlsafe_b64decode(token + '=' * (-len(token) % 4)).decode().partition(' ')
        if not (client and client.isprintable()):
            raise ValueError('no key')
        return Month.parse(month), client
    except (ValueError, binascii.Error) as error:
        raise BadPage(f'{token[:40]!r} is not where a page begins') from error
