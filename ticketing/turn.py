"""One change of one folio: its row is locked, and all that the change causes is stored with it, or nothing is."""
from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from config.values import Site
from config.webhooks import hooks_of
from ticketing.changes import add_change, clock_of, due_columns
from ticketing.folio_rows import add_entry, changed, locked_folio
from ticketing.hooks.announce import announce
from ticketing.hooks.events import folio_news
from ticketing.life import after
from ticketing.mail.outbox import Notice
from ticketing.notices import due_of, is_accused, send
from ticketing.tables import folio_changes, folio_entries, folios
from ticketing.values import Change, EntryKind, Folio, FolioChanged, Move, NotAllowed
from ticketing.words import clean, clean_name

Addressee = Callable[..., tuple[Notice, ...]]


class Turn:
    """`folio` is the folio as it stands, also after each step of the turn; `at`: when the turn happens, never before the last change."""

    def __init__(self, connection: Connection, site: Site, number: str, by: str, now: datetime) -> None:
        self.connection = connection
        self.site = site
        self.by = clean_name(by)
        self.now = now
        self.folio_id, self.folio = locked_folio(connection, number)
        self._changed: tuple[str, ...] = ()            # columns, since the turn's last entry
        self._grown = False
        self.at = max(now, self.folio.opened_at, self._last_change() or now).astimezone(UTC)

    def _last_change(self) -> datetime | None:
        last: datetime | None = self.connection.scalar(
            select(func.max(folio_changes.c.at)).where(folio_changes.c.folio_id == self.folio_id))
        return last

    def check(self, expected: int | None) -> None:
        """That the person saw the folio as it is, and is not the one complained of. Raises FolioChanged, NotAllowed."""
        if not self.by:
            raise NotAllowed(f'folio {self.folio.number}: a change needs to know who makes it')
        if is_accused(self.folio, self.by):
            raise NotAllowed(f'folio {self.folio.number} is a complaint about {self.by}, who may not work on it')
        if expected is not None and expected != self.folio.version:
            raise FolioChanged(f'folio {self.folio.number} is at version {self.folio.version} and you saw {expected}: '
                               f'{self._changed_last()}. Look again before you decide.')

    def _changed_last(self) -> str:
        last = self.connection.execute(select(folio_entries.c.by, folio_entries.c.at, folio_entries.c.kind).where(
            folio_entries.c.folio_id == self.folio_id).order_by(folio_entries.c.id.desc()).limit(1)).one()
        return f'{last.by} changed it last ({last.kind}) on {last.at.astimezone(self.site.zone):%Y-%m-%d %H:%M:%S}'

    def move(self, move: Move, reason: str = '', **columns: Any) -> None:
        """Change the state, and with it these columns. Raises IllegalMove."""
        reached = after(self.folio.state, move, self.folio.number)
        waiting_for = columns.setdefault('waiting_for', self.folio.waiting_for if reached is self.folio.state else None)
        add_change(self.connection, self.folio_id, Change(
            self.at, move, self.folio.state, reached, columns.get('priority', self.folio.report.priority), waiting_for, self.by, reason))
        self.change(state=reached, **columns)

    def change(self, **columns: Any) -> None:
        """Change columns; the version grows, the due times follow, and the client's own systems hear of it."""
        self._changed += tuple(name for name in columns if name not in self._changed)
        self._grown = True
        before = self.folio
        columns['version'] = self.folio.version + 1
        folio = changed(self.folio, columns)
        columns |= due_columns(clock_of(self.connection, self.folio_id, folio, self.site, self.at), folio)
        self.connection.execute(update(folios).values(columns).where(folios.c.id == self.folio_id))
        self.folio = changed(self.folio, columns)
        hooks = hooks_of(self.site.clients.get(self.folio.report.client))
        announce(self.connection, hooks, folio_news(before, self.folio, self.folio_id), self.now)

    def reread(self) -> Folio:
        """The folio after another turn of the same transaction changed it."""
        self.folio_id, self.folio = locked_folio(self.connection, self.folio.number)
        return self.folio

    def response(self) -> dict[str, Any]:
        """The column of the first response, if this is it: a later one never moves it."""
        return {} if self.folio.responded_at is not None else {'responded_at': self.at}

    def enter(self, kind: EntryKind, *words: str) -> None:
        """Add an entry to the timeline: facts, then the person's own words. It remembers which change it tells."""
        text = clean(': '.join(word for word in words if word))
        changed_ = ','.join(self._changed) or None
        add_entry(self.connection, self.folio_id, kind, text, self.by, self.at, None, self.folio.version if self._grown else None, changed_)
        self._changed = ()

    def tell(self, addressee: Addressee, name: str, **facts: Any) -> None:
        """Put a letter about the folio as it stands now into the outbox."""
        notices = addressee(name, self.folio, self.folio_id, self.site, **facts)
        send(self.connection, notices, self.site, due_of(self.site, self.folio, self.now), self.now)
