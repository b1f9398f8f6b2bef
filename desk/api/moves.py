"""What a program may do to a folio: the moves of its one life cycle, each with the model of its body (mission.md 4.3-4.7)."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from desk.accounts.values import ALL_ROLES, STAFF, Role
from desk.api.folios import told
from desk.api.models import (
    Asked,
    Assign,
    Because,
    Cancel,
    Categorise,
    Changing,
    Confirm,
    Describe,
    FolioGiven,
    Merge,
    Note,
    Prioritise,
    Resolve,
    Resume,
    Update,
    Wait,
)
from desk.api.reading import body_of, given, seen
from desk.desk import Desk
from desk.web.failures import problem
from desk.web.frame import Answer, Route, Visit
from ticketing.lifecycle import LifeCycle
from ticketing.values import FolioChanged, NotAllowed, UnknownFolio


@dataclass(frozen=True)
class Doable:
    """One move: the model of its body, what of the body the life cycle takes, who may, and what it does."""

    name: str
    body: type[Asked]
    summary: str
    method: Callable[..., Any]
    roles: frozenset[Role] = STAFF


MOVES = (
    Doable('assign', Assign, 'Gives a folio to an agent, or hands it over to a resolver group.', LifeCycle.assign),
    Doable('acknowledge', Changing, 'The resolver group has taken what was handed over to it.', LifeCycle.acknowledge),
    Doable('start', Changing, 'Work on it begins.', LifeCycle.start),
    Doable('wait', Wait, 'Pauses the clock: somebody else must do something first.', LifeCycle.wait),
    Doable('resume', Resume, 'The clock goes on.', LifeCycle.resume),
    Doable('update', Update, 'Tells the user how it goes.', LifeCycle.update),
    Doable('note', Note, 'Adds an internal note.', LifeCycle.note),
    Doable('describe', Describe, 'Corrects what the folio says.', LifeCycle.describe),
    Doable('categorise', Categorise, 'Says which category it is about.', LifeCycle.categorise),
    Doable('prioritise', Prioritise, 'Changes impact and urgency, and with them what is due.', LifeCycle.prioritise),
    Doable('resolve', Resolve, 'It is solved; the user is asked to confirm.', LifeCycle.resolve),
    Doable('confirm', Confirm, 'A party says that it is solved.', LifeCycle.confirm, ALL_ROLES),
    Doable('reopen', Because, 'It is not solved; the clock goes on.', LifeCycle.reopen, ALL_ROLES),
    Doable('cancel', Cancel, 'Nothing is to be done about it.', LifeCycle.cancel),
    Doable('merge', Merge, 'It says the same as another one: cancelled as a duplicate.', LifeCycle.merge),
)


def _handler(doable: Doable) -> Callable[[Desk, Visit], Answer]:
    def move(desk: Desk, visit: Visit) -> Answer:
        folio, who = seen(desk, visit, visit.words['number']), visit.who
        body = body_of(doable.body, visit)
        facts = body.model_dump(mode='json', exclude_none=True)
        expected, into = facts.pop('version', None), facts.pop('into', None)
        if doable.body is Confirm:
            facts |= {'via': 'person', **({} if who.is_staff else {'party': 'contact'})}
        try:
            done = doable.method(desk.lifecycle, folio.number, *_target(desk, visit, into),
                                 by=who.login, now=visit.now, expected=expected, **facts)
        except FolioChanged as error:
            return problem(409, str(error), version=seen(desk, visit, folio.number).version)
        return given(told(done, who))
    return move


def _target(desk: Desk, visit: Visit, into: str | None) -> tuple[str, ...]:
    """The folio to merge into; one that is not for this program is one that is not there. Raises NotAllowed."""
    try:
        return () if into is None else (seen(desk, visit, into).number,)
    except UnknownFolio as error:
        raise NotAllowed(f'there is no folio {into} to merge into') from error


MOVE_ROUTES = tuple(
    Route('POST', f'/api/v1/folios/{{number}}/{doable.name}', _handler(doable), doable.roles, doable.summary, takes=doable.body,
          gives=FolioGiven) for doable in MOVES)
