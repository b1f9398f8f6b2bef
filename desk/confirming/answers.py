"""The answer to "was it solved?" from the page whose link the letter `confirm` carries (mission.md 4.7). Blocking: runs on a pool thread.

Looking changes nothing, however often: mail scanners open links. Only `Confirmations.answer` does, once.
"""
from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from sqlalchemy import select

from config.values import Site
from storage.engine import Database
from ticketing.lifecycle import LifeCycle
from ticketing.mail.tokens import page_token, same
from ticketing.tables import close_calls, folios
from ticketing.values import FolioChanged, IllegalMove, NotAllowed, State

COMMENT_CHARACTERS = 2000
LONGEST_ID = 15                                        # digits
LIVE = ('waiting', 'calling', 'mailed')
NOT_SOLVED = 'El usuario respondió en la página que no quedó resuelto.'
# Everything that is not text, and what turns the direction of the text around it.
_NOT_TEXT = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]')


@dataclass(frozen=True)
class Answer:
    """What somebody answered; `score` is the survey's, 1 to 5, and only comes with a yes."""

    solved: bool
    score: int | None = None
    comment: str = ''


@dataclass(frozen=True)
class Shown:
    """What the page tells of a folio: what was recorded and nothing more personal. Texts are Spanish; None was not recorded."""

    status: str                                        # 'open' | 'confirmed' | 'refused' | 'late' | 'void'
    number: str
    client: str
    opened: str
    summary: str | None
    category: str | None
    solution: str | None
    answered: str | None = None


class Confirmations:
    """The close calls that may be answered on a page. `key` signs the links. Every method raises DatabaseUnavailable."""

    def __init__(self, db: Database, lifecycle: LifeCycle, site: Callable[[], Site], key: str, now: Callable[[], datetime]) -> None:
        self._db = db
        self._lifecycle = lifecycle
        self._site = site
        self._key = key
        self._now = now

    def known(self, word: str) -> int | None:
        """The close call that `ID.TOKEN` speaks of; None for a token that is not ours. Looks nothing up, so its time tells nothing."""
        name, _, token = word.partition('.')
        numeric = name.isascii() and name.isdigit() and len(name) <= LONGEST_ID
        close_call_id = int(name) if numeric else 0
        genuine = same(token if token.isascii() else '', page_token(self._key, close_call_id))
        return close_call_id if genuine and numeric and name == str(close_call_id) else None

    def look(self, close_call_id: int) -> Shown | None:
        """What the page shows; None when there is no such close call."""
        row = self._row(close_call_id)
        return None if row is None else shown(row, self._site())

    def answer(self, close_call_id: int, answer: Answer) -> bool:
        """Take an answer; False when the link serves no more, and then nothing is changed."""
        row = self._row(close_call_id)
        if row is None or status_of(row) != 'open':
            return False
        try:
            if answer.solved:
                self._lifecycle.confirm(row.number, by=row.party, via='page', now=self._now(), score=answer.score,
                                        comment=answer.comment, party=row.party)
            else:
                self._lifecycle.reopen(row.number, reason=answer.comment or NOT_SOLVED, by=row.party, now=self._now(), via='page')
        except (IllegalMove, FolioChanged, NotAllowed):
            return False                               # somebody was faster
        return True

    def _row(self, close_call_id: int) -> Any:
        with self._db.read() as connection:
            return connection.execute(_ROW.where(close_calls.c.id == close_call_id)).first()


_ROW = select(
    close_calls.c.state, close_calls.c.cycle, close_calls.c.party, close_calls.c.answered_at, folios.c.number, folios.c.client,
    folios.c.line, folios.c.opened_at, folios.c.summary, folios.c.category, folios.c.solution, folios.c.reopens,
    folios.c.state.label('folio_state')).join_from(close_calls, folios)


def status_of(row: Any) -> str:
    """Whether the link still serves ('open'), or why not."""
    if row.state in ('confirmed', 'refused'):
        return str(row.state)
    if row.state in LIVE and row.folio_state == State.RESOLVED and row.cycle == row.reopens:
        return 'open'
    return 'late' if row.state == 'unanswered' else 'void'


def shown(row: Any, site: Site) -> Shown:
    """A close call and its folio as the page tells them. Times are those of the line."""
    client = site.clients.get(row.client)
    titles = {category.name: category.title for category in client.categories} if client else {}
    zone = zone_of(site, row.line)
    return Shown(
        status=status_of(row), number=row.number, client=client.name if client else '', opened=in_words(row.opened_at, zone),
        summary=row.summary, category=titles.get(row.category), solution=row.solution,
        answered=in_words(row.answered_at, zone) if row.answered_at else None)


def zone_of(site: Site, line: str) -> ZoneInfo:
    """The zone of a line; the site's for a line that is no more."""
    found = site.lines.get(line)
    return site.calendars[found.calendar].zone if found else site.zone


def in_words(at: datetime, zone: ZoneInfo) -> str:
    """'24 de noviembre de 2026, 10:15' in the zone."""
    return format_datetime(at, "d 'de' MMMM 'de' y, HH:mm", tzinfo=zone, locale='es_MX')


def read_answer(body: bytes) -> Answer | None:
    """The form as it was sent; None when it does not say yes or no. A score that is none, and one with a no, is not counted."""
    fields = parse_qs(body.decode('utf-8', 'replace'), max_num_fields=20)
    said = fields.get('answer', [''])[0]
    if said not in ('yes', 'no'):
        return None
    score = fields.get('score', [''])[0]
    counted = int(score) if said == 'yes' and score in ('1', '2', '3', '4', '5') else None
    return Answer(said == 'yes', counted, _text(fields.get('comment', [''])[0]))


def _text(raw: str) -> str:
    return _NOT_TEXT.sub('', raw.replace('\r\n', '\n').replace('\r', '\n')).strip()[:COMMENT_CHARACTERS]
