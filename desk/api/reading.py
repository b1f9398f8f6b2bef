"""Between a call and the models: reading what a program sent, and writing what it gets."""
from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from desk.accounts.values import Person, Role
from desk.desk import Desk
from desk.web.frame import JSON, Answer, Visit
from desk.web.reading import BadRequest
from ticketing.finding.viewers import Viewer
from ticketing.values import Folio, UnknownFolio

M = TypeVar('M', bound=BaseModel)
SHOWN_ERRORS = 10


def query_of(model: type[M], visit: Visit) -> M:
    """The query. Raises BadRequest."""
    try:
        return model.model_validate(dict(visit.query))
    except ValidationError as error:
        raise _refused(error, 'query') from error


def body_of(model: type[M], visit: Visit) -> M:
    """The body. Raises BadRequest, also for one that is no JSON."""
    if visit.headers.get('content-type', '').partition(';')[0].strip().lower() != 'application/json':
        raise BadRequest(415, 'the body is JSON: Content-Type: application/json')
    try:
        return model.model_validate_json(visit.body)
    except ValidationError as error:
        raise _refused(error, 'body') from error


def _refused(error: ValidationError, place: str) -> BadRequest:
    wrong = (f'{place}{"".join(f"/{part}" for part in one["loc"])}: {one["msg"]}'[:300]
             for one in error.errors(include_url=False, include_input=False, include_context=False)[:SHOWN_ERRORS])
    return BadRequest(400, f'not as the OpenAPI file says: {"; ".join(wrong)}')


def given(model: BaseModel, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """An answer as its model writes it."""
    return Answer(status, model.model_dump_json().encode(), JSON, headers)


def viewer_of(person: Person) -> Viewer:
    """Whose eyes a program has: a contact's, an agent's (to whom complaints are not shown), or a supervisor's."""
    if person.role is Role.CONTACT:
        return Viewer(person.login, client=person.client or '')
    return Viewer(person.login, all_complaints=person.role is not Role.AGENT)


def scope_of(person: Person, client: str | None = None) -> str | None:
    """The client of whom something is asked: the program's own when it has one. Another's is one of whom there is nothing."""
    if person.client is None or client is None:
        return client if person.client is None else person.client
    return person.client if client == person.client else ''


def seen(desk: Desk, visit: Visit, number: str) -> Folio:
    """The folio, if this program may know of it. Raises UnknownFolio."""
    folio = desk.folios.get(number)
    who = visit.who
    if folio is None or (who.client is not None and folio.report.client != who.client) or not viewer_of(who).sees(folio):
        raise UnknownFolio(f'there is no folio {number}')
    return folio


def fields_of(model: type[BaseModel], *sources: Any) -> dict[str, Any]:
    """The fields of a model from the first source that has each."""
    return {name: next(getattr(source, name) for source in sources if hasattr(source, name)) for name in model.model_fields}
