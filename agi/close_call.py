"""`agi://.../close_call,<close call>,<linkedid>`: one user whom we called to ask whether his folio is solved (mission.md 4.7)."""
from __future__ import annotations

import re

from agi.inbound import hand_over
from agi.office import Office
from agi.session import CallSession
from agi.talking import TALK, Talking, Verbs
from config.hours import opening
from config.values import Client, User
from ivr_flows.closing import Closing, closing, topic_of
from ivr_flows.decide import route_of
from ivr_flows.steps import Caller, Confirmed, Later, Refused, Scored, ToQueue
from ticketing.closing.close_calls import CloseCalls, Question
from ticketing.closing.rows import UnknownCloseCall
from ticketing.closing.steps import hours_of, line_of
from ticketing.notices import is_accused
from ticketing.values import Folio

LIKE_AN_ID = re.compile(r'[0-9]{1,18}').fullmatch


def close_call(call: CallSession, office: Office) -> None:
    """Ask, keep each answer the moment its key is pressed, and leave the way to go in the channel variables.

    A hang-up is a normal end: what was answered before it is kept. Raises UnknownCloseCall.
    """
    close_call_id, linkedid = who_is_called(call.start.args)
    question = office.close_calls.asked(close_call_id, linkedid, office.now())
    asking = Asking(call, office, question, linkedid)
    ending = asking.perform(closing(facts_of(office, question)))
    if isinstance(ending, ToQueue):
        office.folios.tie_call(question.folio.number, linkedid, office.now())
    hand_over(call, ending, question.folio.number)


def who_is_called(args: tuple[str, ...]) -> tuple[int, str]:
    """The close call and its call, as the dialplan names them. Raises UnknownCloseCall."""
    if len(args) == 2 and LIKE_AN_ID(args[0]):
        return int(args[0]), args[1]
    raise UnknownCloseCall(f'{args!r:.80} is no close call of ours')


class Asking(Talking):
    """The conversation and the books in which its answers stand."""

    def __init__(self, call: CallSession, office: Office, question: Question, linkedid: str) -> None:
        super().__init__(call)
        self._office = office
        self._books: CloseCalls = office.close_calls
        self._question = question
        self._linkedid = linkedid

    def verbs(self) -> Verbs:
        """The talking steps, and those of a close call."""
        return ASK

    def confirmed(self, step: Confirmed) -> bool:
        """Solved: False when the folio changed meanwhile."""
        return self._books.confirmed(self._question, self._linkedid, self._office.now())

    def refused(self, step: Refused) -> bool:
        """Not solved: False when the folio changed meanwhile."""
        return self._books.refused(self._question, self._linkedid, self._office.now())

    def later(self, step: Later) -> None:
        """Another time."""
        self._books.later(self._question, self._linkedid)

    def scored(self, step: Scored) -> None:
        """His opinion of the service."""
        self._books.scored(self._question, step.score, self._office.now())


ASK: Verbs = {
    **TALK,
    Confirmed: Asking.confirmed,
    Refused: Asking.refused,
    Later: Asking.later,
    Scored: Asking.scored,
}


def facts_of(office: Office, question: Question) -> Closing:
    """What the conversation needs to know, as it stands when he answers the telephone."""
    folio = question.folio
    return Closing(folio.number, question.pending, topic_of(folio.report.category), agents(office, folio))


def agents(office: Office, folio: Folio) -> ToQueue | None:
    """Where he may talk to an agent now: the queue that he would reach by calling; None while the line is closed.

    None also where the person answers of whom the folio complains (mission.md 4.1).
    """
    site, now = office.standing().site, office.now()
    hours, line, client = hours_of(site, folio, office.overrides(now)), line_of(site, folio), site.clients.get(folio.report.client)
    if hours is None or line is None or client is None or not opening(hours.calendar, hours.holidays, hours.overrides, now).open:
        return None
    user = user_of(client, folio)
    route = route_of(site, client, Caller(line, None, user, 'unknown'))
    if route.queue is None or any(is_accused(folio, agent.login) for agent in site.agents.values() if route.queue in agent.queues):
        return None                                    # the queue could give him whom he complains of
    return ToQueue(route.queue, route.priority)


def user_of(client: Client, folio: Folio) -> User | None:
    """The folio's user, while he is on his client's list."""
    return next((user for user in client.users if user.employee_number == folio.report.employee_number), None)


