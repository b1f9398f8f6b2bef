"""The seat of each agent as his browser shows it: his state, and the card of the call on his telephone (mission.md 6.1).

A seat is a whole state, published on the topic `agent/LOGIN`, which nobody but that agent reads. Asterisk's events say whose seat has
changed; a pool thread reads the books; the reactor publishes. Of many changes of one seat that come together the last one is told.
"""
from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ami_listener.live import Change, Live
from ami_listener.phones import DIALLING, HELD, RINGING, TALKING, PhoneCall
from ami_listener.presence import BROWSER, DESK, WRAP_UP, Presence, PresenceBook
from config.values import Agent, Site
from desk.calls.cards import Card, Cards
from desk.web.render import html
from desk.web.stream import Hub
from storage.engine import DatabaseUnavailable

log = logging.getLogger('mesa.desk')
TOPIC = 'agent/'
LOOK_AFTER_S = 1.0
_ORDER = {RINGING: 1, DIALLING: 2, HELD: 3, TALKING: 4}


@dataclass(frozen=True)
class SeatFacts:
    """What a seat is made of. `reachable`: his chosen telephone is registered; None: nobody knows."""

    login: str
    presence: Presence | None
    known: bool                                        # the books answered
    call: PhoneCall | None
    card: Card | None
    reachable: bool | None


class Seats:
    """All seats. `in_thread` runs blocking work and gives a Deferred; the rest happens on the reactor's thread."""

    def __init__(self, reactor: Any, live: Live, hub: Hub, cards: Cards, presence: PresenceBook, site: Callable[[], Site],
                 now: Callable[[], datetime], in_thread: Callable[..., Any]) -> None:
        self._reactor = reactor
        self._live = live
        self._hub = hub
        self._cards = cards
        self._presence = presence
        self._site = site
        self._now = now
        self._in_thread = in_thread
        self._busy: set[str] = set()
        self._again: set[str] = set()
        self._timers: dict[str, Any] = {}
        self._look: Any = None
        self._there: dict[str, tuple[bool | None, bool | None]] = {}

    def hear(self, change: Change) -> None:
        """The live picture has changed."""
        if change.link:
            self.refresh_all()
            return
        if change.board and self._look is None:
            self._look = self._reactor.callLater(LOOK_AFTER_S, self._look_at_board)
        for login in {login for interface in change.interfaces if (login := self.login_of(interface)) is not None}:
            self.refresh(login)

    def login_of(self, interface: str) -> str | None:
        """Whose telephone this is."""
        agents = self._site().agents.values()
        return next((agent.login for agent in agents if interface in (agent.desk_phone, agent.browser_phone)), None)

    def refresh_all(self) -> None:
        """Every seat that somebody looks at."""
        for login in self._site().agents:
            self.refresh(login)

    def _look_at_board(self) -> None:
        """Queues change with every call; of a seat they only tell whether its telephone is there."""
        self._look = None
        for login, agent in self._site().agents.items():
            there = (reachable(self._live, agent, 'desk'), reachable(self._live, agent, 'browser'))
            if self._there.get(login) != there:
                self._there[login] = there
                self.refresh(login)

    def refresh(self, login: str) -> None:
        """Make and publish a seat anew if somebody looks at it; from the reactor's thread."""
        if not self._hub.readers(TOPIC + login):
            return
        if login in self._busy:
            self._again.add(login)
            return
        self._busy.add(login)
        self._in_thread(self.state, login).addCallback(self._publish, login).addErrback(self._failed, login)

    def refresh_soon(self, login: str) -> None:
        """The same, from any thread."""
        self._reactor.callFromThread(self.refresh, login)

    def state(self, login: str) -> dict[str, Any]:
        """A seat as it goes to the browser. Blocking."""
        facts = self.facts(login)
        site = self._site()
        return state_of(facts, site, self._now())

    def facts(self, login: str) -> SeatFacts:
        """What there is to know of a seat now. Blocking; never raises DatabaseUnavailable."""
        agent = self._site().agents.get(login)
        try:
            presence, known = self._presence.get(login, self._now()), True
        except DatabaseUnavailable:
            presence, known = None, False
        call = call_on(self._live, agent) if agent else None
        card = self._cards.card(login, call) if call else None
        phone = presence.phone if presence else DESK
        return SeatFacts(login, presence, known, call, card, reachable(self._live, agent, phone) if agent else None)

    def _publish(self, state: dict[str, Any], login: str) -> None:
        self._hub.publish(TOPIC + login, 'seat', state)
        self._done(login)
        self._wake_at_end(login, state.get('until'))

    def _failed(self, failure: Any, login: str) -> None:
        log.error('the seat of %s cannot be told: %s', login, failure.getTraceback())
        self._done(login)

    def _done(self, login: str) -> None:
        self._busy.discard(login)
        if login in self._again:
            self._again.discard(login)
            self.refresh(login)

    def _wake_at_end(self, login: str, until: str | None) -> None:
        """A wrap-up ends by itself: look again then."""
        timer = self._timers.pop(login, None)
        if timer is not None and timer.active():
            timer.cancel()
        if until is not None:
            left = (datetime.fromisoformat(until) - self._now()).total_seconds()
            if left > 0:
                self._timers[login] = self._reactor.callLater(left + 0.1, self.refresh, login)

    def stop(self) -> None:
        """Let no timer be left."""
        for timer in (*self._timers.values(), self._look):
            if timer is not None and timer.active():
                timer.cancel()


def call_on(live: Live, agent: Agent) -> PhoneCall | None:
    """The call that matters on an agent's telephones: a conversation before one on hold, before one that begins."""
    calls = [call for phone in (agent.desk_phone, agent.browser_phone) for call in live.phones.on(phone)]
    return max(calls, key=lambda call: (_ORDER.get(call.phase, 0), call.since), default=None)


def reachable(live: Live, agent: Agent, phone: str) -> bool | None:
    """Whether a telephone of an agent is registered with Asterisk; None when the picture does not tell."""
    interface = agent.browser_phone if phone == BROWSER else agent.desk_phone
    seats = [seat for queue in live.board.seats.values() if (seat := queue.get(interface)) is not None]
    return None if not seats or not live.is_fresh else seats[0].state not in ('unreachable', 'unknown')


def state_of(facts: SeatFacts, site: Site, now: datetime) -> dict[str, Any]:
    """A seat for the browser: two fragments, and what its script must know. Pure."""
    zone = site.zone
    presence, call = facts.presence, facts.call
    return {
        'bar': html('seat_bar.html.j2', facts=facts, presence=presence, call=call, now=now, zone=zone),
        'card': html('card.html.j2', card=facts.card, site=site, now=now, zone=zone) if facts.card else '',
        'call': {'linkedid': call.linkedid, 'phase': call.phase, 'folio': facts.card.folio if facts.card else '',
                 'who': facts.card.who or facts.card.number if facts.card else '', 'phone': call.interface} if call else None,
        'until': presence.until.isoformat() if presence and presence.state == WRAP_UP and presence.until else None,
    }
