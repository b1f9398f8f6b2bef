"""Live states of a page: which topics a person may read (mission.md 6.1: a pop is nobody else's)."""
from __future__ import annotations

from desk.accounts.values import AGENTS, Role
from desk.board.feed import TOPIC as BOARD
from desk.desk import Desk
from desk.folios.state import FOLIO
from desk.folios.viewing import visible_folio
from desk.web.frame import Visit
from desk.web.stream import Subscription
from ticketing.values import UnknownFolio

MOST_TOPICS = 4


def events(desk: Desk, visit: Visit) -> Subscription:
    """His own telephone's topic always, others as far as he may."""
    person = visit.who
    own = (f'agent/{person.login}',) if person.role in AGENTS else ()
    wanted = visit.query.get('temas', '').split(',')[:MOST_TOPICS]
    return Subscription(person, visit.token, own + tuple(topic for topic in wanted if may_read(desk, visit, topic)))


def may_read(desk: Desk, visit: Visit, topic: str) -> bool:
    """Whether this topic is for him."""
    if topic.startswith(FOLIO):
        return visit.who.role in AGENTS and _sees(desk, visit, topic.removeprefix(FOLIO))
    return topic == BOARD and visit.who.role in (Role.SUPERVISOR, Role.ADMIN)


def _sees(desk: Desk, visit: Visit, number: str) -> bool:
    try:
        visible_folio(desk, visit.who, number)
    except UnknownFolio:
        return False
    return True
