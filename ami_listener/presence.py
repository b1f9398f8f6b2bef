"""What each agent has chosen: his telephone, whether he takes calls, and which queues a supervisor moved him to (mission.md 6.1, 6.3).

The books say what is wanted; `ami_listener/membership.py` brings Asterisk to it. An agent without a row has chosen nothing, and Asterisk's
members stay as its file has them.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from ami_listener.membership import Wanted
from ami_listener.tables import agent_presence, presence_history, queue_moves
from config.values import Agent, Site
from storage.engine import Database

DESK, BROWSER = 'desk', 'browser'
PHONES = (DESK, BROWSER)
READY, PAUSED, WRAP_UP, AWAY = 'ready', 'paused', 'wrap_up', 'away'
REASONS = ('comida', 'descanso', 'capacitación', 'junta', 'otro')
OTHER_REASON = 'otro'
LONGEST_NOTE = 200
SIGNED_OUT, AFTER_CALL, OTHER_PHONE = 'fuera', 'seguimiento', 'otro teléfono'        # reasons of pauses in Asterisk that are ours


class PresenceError(Exception):
    """What an agent or a supervisor asked for cannot be; a sentence in Spanish for whoever asked."""


@dataclass(frozen=True)
class Presence:
    """What an agent chose. Aware UTC instants; `until` is when a wrap-up ends by itself, None: when he says so."""

    login: str
    phone: str                                         # 'desk' | 'browser'
    state: str                                         # 'ready' | 'paused' | 'wrap_up' | 'away'
    reason: str
    since: datetime
    note: str = ''
    until: datetime | None = None
    linkedid: str | None = None


@dataclass(frozen=True)
class Move:
    """A supervisor put an agent into a queue, or took him out, whatever the site says."""

    queue: str
    login: str
    member: bool
    by: str
    at: datetime


@dataclass(frozen=True)
class Noted:
    """One line of the history. `what`: a state, 'phone', 'joins' or 'leaves'; `detail`: its reason, telephone or queue."""

    login: str
    at: datetime
    what: str
    detail: str
    note: str
    by: str


def effective(presence: Presence, now: datetime) -> Presence:
    """What it is now: a wrap-up whose time is over has become ready by itself."""
    if presence.state == WRAP_UP and presence.until is not None and now >= presence.until:
        return replace(presence, state=READY, since=presence.until, until=None, linkedid=None)
    return presence


def after_call(presence: Presence, linkedid: str, wrapup_s: int, now: datetime) -> Presence | None:
    """A call through a queue has ended on his telephone: the wrap-up that follows for one who is ready; None when nothing changes."""
    if effective(presence, now).state != READY or wrapup_s <= 0:
        return None
    return replace(presence, state=WRAP_UP, reason='', note='', since=now, until=now + timedelta(seconds=wrapup_s), linkedid=linkedid)


def wanted_of(site: Site, presences: Mapping[str, Presence], moves: Mapping[tuple[str, str], bool]) -> tuple[Wanted, ...]:
    """What Asterisk's members should be, of every agent who has chosen something or was moved."""
    moved = {login for _, login in moves}
    return tuple(_wanted(site, agent, presences.get(agent.login), moves)
                 for agent in site.agents.values() if agent.login in presences or agent.login in moved)


def _wanted(site: Site, agent: Agent, presence: Presence | None, moves: Mapping[tuple[str, str], bool]) -> Wanted:
    queues = frozenset(queue for queue in site.queues if moves.get((queue, agent.login), queue in agent.queues))
    interfaces = {DESK: agent.desk_phone, BROWSER: agent.browser_phone}
    pauses = {} if presence is None else {
        interface: _pause(presence) if phone == presence.phone else OTHER_PHONE for phone, interface in interfaces.items()}
    return Wanted(agent.login, queues, tuple(interfaces.values()), pauses)


def _pause(presence: Presence) -> str:
    """The reason why the telephone that he chose is paused, '' when it rings. Asterisk itself keeps a timed wrap-up."""
    if presence.state == PAUSED:
        return presence.reason or OTHER_REASON
    if presence.state == AWAY:
        return SIGNED_OUT
    return AFTER_CALL if presence.state == WRAP_UP and presence.until is None else ''


class PresenceBook:
    """The presence of all agents of one database. Every method is one transaction and raises DatabaseUnavailable.

    `site` is the one in force. `changed` is called after everything that Asterisk must learn of, on the caller's thread.
    """

    def __init__(self, db: Database, site: Callable[[], Site], changed: Callable[[], None] = lambda: None) -> None:
        self._db = db
        self._site = site
        self.changed = changed

    # --- what is ---------------------------------------------------------------------------------------------------

    def get(self, login: str, now: datetime) -> Presence | None:
        """What an agent has chosen, as it stands now; None: nothing yet."""
        return self.all(now).get(login)

    def all(self, now: datetime) -> dict[str, Presence]:
        """The presence of everybody who has one."""
        with self._db.read() as connection:
            return {login: effective(one, now) for login, one in _presences(connection).items()}

    def moves(self) -> tuple[Move, ...]:
        """What supervisors have changed."""
        query = select(queue_moves).order_by(queue_moves.c.queue, queue_moves.c.login)
        with self._db.read() as connection:
            return tuple(Move(**row._mapping) for row in connection.execute(query))

    def wanted(self, now: datetime) -> tuple[Wanted, ...]:
        """What Asterisk's members should be."""
        with self._db.read() as connection:
            presences = {login: effective(one, now) for login, one in _presences(connection).items()}
            moves = {(row.queue, row.login): row.member for row in connection.execute(select(queue_moves))}
        return wanted_of(self._site(), presences, moves)

    def history(self, since: datetime, until: datetime, login: str | None = None, limit: int = 10_000) -> tuple[Noted, ...]:
        """What was noted from `since` and before `until`, oldest first."""
        h = presence_history.c
        query = select(h.login, h.at, h.what, h.detail, h.note, h.by).where(h.at >= since, h.at < until).order_by(h.at, h.id).limit(limit)
        with self._db.read() as connection:
            return tuple(Noted(*row) for row in connection.execute(query if login is None else query.where(h.login == login)))

    # --- agents ----------------------------------------------------------------------------------------------------

    def choose_phone(self, login: str, phone: str, now: datetime) -> Presence:
        """Have calls ring this telephone of his. Who was not there is paused until he says that he is ready. Raises PresenceError."""
        if phone not in PHONES:
            raise PresenceError('Elija el teléfono de escritorio o el del navegador.')
        return self._change(login, now, lambda before: replace(before, phone=phone), note=('phone', phone))

    def ready(self, login: str, now: datetime) -> Presence:
        """He takes calls. Raises PresenceError."""
        return self._become(login, now, READY)

    def pause(self, login: str, reason: str, now: datetime, note: str = '') -> Presence:
        """He takes no calls for this reason, one of REASONS; 'otro' in his own words. Raises PresenceError."""
        if reason not in REASONS:
            raise PresenceError(f'Elija un motivo de la lista: {", ".join(REASONS)}.')
        text = _plain(note)
        if reason == OTHER_REASON and not text:
            raise PresenceError('Escriba el motivo de la pausa.')
        return self._become(login, now, PAUSED, reason=reason, note=text)

    def wrap_up(self, login: str, linkedid: str | None, now: datetime) -> Presence:
        """He needs more time for the call that has ended: no other rings until he says that he is ready. Raises PresenceError."""
        return self._become(login, now, WRAP_UP, linkedid=linkedid)

    def away(self, login: str, now: datetime) -> Presence:
        """He has signed out: none of his telephones rings. Raises PresenceError."""
        return self._become(login, now, AWAY)

    def call_ended(self, login: str, linkedid: str, queue: str, now: datetime) -> Presence | None:
        """A call through a queue has ended on his telephone; the wrap-up that begins, None when none does."""
        site = self._site()
        if login not in site.agents or queue not in site.queues:
            return None
        with self._db.write() as connection:
            before = _presences(connection, login).get(login)
            new = before and after_call(before, linkedid, site.queues[queue].wrapup_seconds, now)
            if new is not None:
                self._store(connection, new)
                _note(connection, login, now, WRAP_UP, queue, '', login)
            return new

    # --- supervisors -----------------------------------------------------------------------------------------------

    def move(self, login: str, queue: str, member: bool, by: str, now: datetime) -> None:
        """Put an agent into a queue or take him out, until it is changed again (mission.md 6.3). Raises PresenceError."""
        agent = self._agent(login)
        if queue not in self._site().queues:
            raise PresenceError(f'No hay ninguna cola {queue!r}.')
        with self._db.write() as connection:
            connection.execute(delete(queue_moves).where(queue_moves.c.queue == queue, queue_moves.c.login == login))
            # Kept also when the site says the same: the site's file may be another when Asterisk is asked.
            connection.execute(insert(queue_moves).values(queue=queue, login=agent.login, member=member, by=by, at=now))
            _note(connection, login, now, 'joins' if member else 'leaves', queue, '', by)
        self.changed()

    # --- steps -----------------------------------------------------------------------------------------------------

    def _become(self, login: str, now: datetime, state: str, *, reason: str = '', note: str = '', linkedid: str | None = None) -> Presence:
        def new(before: Presence) -> Presence:
            if before.state == state and (before.reason, before.note, before.until) == (reason, note, None):
                return before
            return replace(before, state=state, reason=reason, note=note, since=now, until=None, linkedid=linkedid)
        return self._change(login, now, new, note=(state, reason, note))

    def _change(self, login: str, now: datetime, new: Callable[[Presence], Presence], note: tuple[str, ...]) -> Presence:
        self._agent(login)
        with self._db.write() as connection:
            known = _presences(connection, login).get(login)
            before = Presence(login, DESK, AWAY, '', now) if known is None else effective(known, now)
            presence = new(before)
            if presence != known:
                self._store(connection, presence)
                what, detail, text = (*note, '', '')[:3]
                _note(connection, login, now, what, detail, text, login)
        self.changed()
        return presence

    def _agent(self, login: str) -> Agent:
        agent = self._site().agents.get(login)
        if agent is None:
            raise PresenceError(f'{login!r} no es agente: no tiene teléfono.')
        return agent

    def _store(self, connection: Connection, presence: Presence) -> None:
        columns = {name: getattr(presence, name) for name in ('login', 'phone', 'state', 'reason', 'note', 'since', 'until', 'linkedid')}
        row = (sqlite.insert if self._db.dialect == 'sqlite' else postgresql.insert)(agent_presence).values(**columns)
        connection.execute(row.on_conflict_do_update(
            index_elements=['login'], set_={name: row.excluded[name] for name in columns if name != 'login'}))


def _presences(connection: Connection, login: str | None = None) -> dict[str, Presence]:
    query = select(agent_presence) if login is None else select(agent_presence).where(agent_presence.c.login == login).with_for_update()
    return {row.login: Presence(**row._mapping) for row in connection.execute(query)}


def _note(connection: Connection, login: str, at: datetime, what: str, detail: str, note: str, by: str) -> None:
    values: dict[str, Any] = {'login': login, 'at': at, 'what': what, 'detail': detail, 'note': note, 'by': by}
    connection.execute(insert(presence_history).values(**values))


def _plain(text: str) -> str:
    """His own words on one line."""
    return ' '.join(''.join(letter if letter.isprintable() else ' ' for letter in text).split())[:LONGEST_NOTE]
