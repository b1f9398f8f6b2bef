"""Folios through the API: list, search, show, open (mission.md 4, 6.2, 6.4)."""
from __future__ import annotations

import hashlib
import re
from dataclasses import replace

from config.contract import ordinary_line
from config.values import Client, Line, Site, User
from desk.accounts.values import Person
from desk.api.models import (
    EntryGiven,
    FolioGiven,
    Folios,
    FoliosAsked,
    FolioShown,
    HitGiven,
    Hits,
    ItemGiven,
    Opening,
    Piece,
    SearchAsked,
)
from desk.api.reading import body_of, fields_of, given, query_of, scope_of, seen, viewer_of
from desk.desk import Desk
from desk.web.frame import Answer, Visit
from desk.web.reading import BadRequest
from ticketing.asking import Asked
from ticketing.finding.index import is_told
from ticketing.finding.registry import Registry, Wanted
from ticketing.finding.search import Search
from ticketing.opening_facts import person_report
from ticketing.values import Entry, EntryKind, Folio, NotAllowed, Report

KEY = re.compile(r'[!-~]{1,128}')
OURS = ('rule', 'diagnosis', 'next_look', 'complained_of')      # what a client's contact is not told
SAID = {'summary', 'description', 'kind', 'complained_of', 'impact', 'urgency', 'category', 'application'}
TOLD_BESIDE = (EntryKind.SURVEY, EntryKind.MERGED)


def list_folios(desk: Desk, visit: Visit) -> Answer:
    """A page of folios."""
    asked, who = query_of(FoliosAsked, visit), visit.who
    wanted = Wanted(client=scope_of(who, asked.client), state=asked.state, agent=asked.agent, group=asked.group, since=asked.updated_since)
    page = Registry(desk.db).page(viewer_of(who), wanted, asked.limit, asked.cursor)
    return given(Folios(items=[told(folio, who) for folio in page.items], next=page.after))


def search_folios(desk: Desk, visit: Visit) -> Answer:
    """A page of what was found."""
    asked, who = query_of(SearchAsked, visit), visit.who
    found = Search(desk.db).search(asked.q, viewer_of(who), scope_of(who, asked.client), asked.limit, asked.cursor)
    return given(Hits(next=found.page.after, number=found.number, items=[HitGiven(
        folio=ItemGiven(**fields_of(ItemGiven, hit.item)), field=hit.field,
        passage=[Piece(text=text, found=is_it) for text, is_it in hit.passage]) for hit in found.page.items]))


def show_folio(desk: Desk, visit: Visit) -> Answer:
    """A folio with its timeline."""
    folio = seen(desk, visit, visit.words['number'])
    entries = [entry for entry in desk.folios.timeline(folio.number) if visit.who.is_staff or _is_for_clients(entry)]
    return given(FolioShown(**told(folio, visit.who).model_dump(),
                            timeline=[EntryGiven(**fields_of(EntryGiven, entry)) for entry in entries]))


def open_folio(desk: Desk, visit: Visit) -> Answer:
    """A new folio; under the same key the one that was opened before."""
    key = visit.headers.get('idempotency-key', '')
    if KEY.fullmatch(key) is None:
        raise BadRequest(400, 'the header Idempotency-Key is missing: 1 to 128 characters of your own, without spaces, one for each folio')
    asked, who = body_of(Opening, visit), visit.who
    report = _report(desk.site(), asked, who, visit)
    digest = hashlib.sha256(asked.model_dump_json().encode()).hexdigest()
    folio, is_new = desk.lifecycle.open_once(report, Asked(who.login, key, digest), visit.now)
    return given(told(folio, who), 201 if is_new else 200, (('Location', f'/api/v1/folios/{folio.number}'),))


def told(folio: Folio, who: Person) -> FolioGiven:
    """A folio as somebody may read it."""
    facts = fields_of(FolioGiven, folio, folio.report)
    return FolioGiven(**facts if who.is_staff else facts | dict.fromkeys(OURS))


def _is_for_clients(entry: Entry) -> bool:
    return is_told(entry.kind, entry.by) or entry.kind in TOLD_BESIDE


def _report(site: Site, asked: Opening, who: Person, visit: Visit) -> Report:
    """What is known of the folio. Raises NotAllowed."""
    client = site.clients.get(scope_of(who, asked.client) or '')
    if client is None:
        raise NotAllowed(f'there is no client {asked.client}')
    user = _user(client, asked)
    if asked.category and asked.category not in [known.name for known in client.categories]:
        raise NotAllowed(f'{client.key} has no category {asked.category!r}')
    facts = asked.model_dump(mode='json', include=SAID)
    return replace(person_report(site, _line(site, client, asked.line), user, asked.email, who.login, visit.now), **facts)


def _line(site: Site, client: Client, wanted: str | None) -> Line:
    line = site.lines.get(wanted) if wanted else ordinary_line(site, client)
    if line is None or line.client != client.key or line.queue is None:
        raise NotAllowed(f'{wanted or client.key}: this is no line of {client.key} on which help is given')
    return line


def _user(client: Client, asked: Opening) -> User | None:
    """The client's user, by number or address; None for an address that is nobody's (mission.md 1.5)."""
    if asked.employee_number is None and asked.email is None:
        raise NotAllowed('who reports it? Give employee_number or email')
    if asked.employee_number is None:
        known = [user for user in client.users if user.email.casefold() == (asked.email or '').casefold()]
        return known[0] if len(known) == 1 else None
    user = next((user for user in client.users if user.employee_number == asked.employee_number), None)
    if user is None:
        raise NotAllowed(f'{client.key} has no user with the employee number {asked.employee_number}')
    return user
