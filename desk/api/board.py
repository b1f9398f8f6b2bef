"""The wallboard through the API (mission.md 6.3): what is not known is null, and never zero."""
from __future__ import annotations

from desk.api.models import AgentGiven, BoardGiven, QueueGiven, TodayGiven
from desk.api.reading import fields_of, given
from desk.desk import Desk
from desk.web.frame import Answer, Visit


def show_board(desk: Desk, visit: Visit) -> Answer:
    """The board now; a program of one client gets that client's queues and nothing that all share."""
    state, site, client = desk.board.state(), desk.site(), visit.who.client
    queues = [queue for queue in state.queues if client is None or site.queues[queue.name].client == client]
    agents = state.agents if client is None else None
    return given(BoardGiven(
        fresh=state.link.fresh, heard_at=state.link.at, books_at=state.books.at if state.books else None,
        faxes_held=state.books.faxes_held if state.books and client is None else None,
        queues=[QueueGiven(name=queue.name, waiting=queue.waiting, longest_since=queue.longest_since,
                           agents=dict(queue.agents) if queue.agents is not None else None,
                           today=TodayGiven(**fields_of(TodayGiven, queue.today)) if queue.today else None) for queue in queues],
        agents=None if agents is None else [
            AgentGiven(login=agent.login, name=agent.name, state=agent.state, since=agent.since, reason=agent.reason,
                       queues=sorted(agent.queues)) for agent in agents]))
