"""What the API takes and gives, as pydantic models: they check, and they stand in the OpenAPI file.

What a model refuses is answered 400, what a rule of the desk refuses 422.
"""
from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from ticketing.values import CancelCause, EntryKind, Kind, Level, State

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2999, 12, 31, tzinfo=UTC)
INSTANT = re.compile(r'(\d{4})-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)')
COUNT = re.compile(r'[1-9][0-9]{0,2}')
_HALF_A_LETTER = re.compile('[\ud800-\udfff\x00]')


def _instant(given: object) -> datetime:
    """RFC 3339 and nothing else; beyond what books can hold, the edge of it."""
    found = INSTANT.fullmatch(given) if isinstance(given, str) and given.isascii() else None
    if found is None or not isinstance(given, str):
        raise ValueError('a time is written as 2026-11-24T16:00:00Z')
    if found[1] == '0000':
        return EARLIEST
    try:
        return min(max(datetime.fromisoformat(given.upper()).astimezone(UTC), EARLIEST), LATEST)
    except OverflowError:
        return EARLIEST if given.startswith('0') else LATEST


def _count(given: object) -> int:
    if not isinstance(given, str) or COUNT.fullmatch(given) is None:
        raise ValueError('a number from 1 to 200')
    return int(given)


def _storable(text: str) -> str:
    if _HALF_A_LETTER.search(text):
        raise ValueError('text with half a letter or NUL in it')
    return text


def _whole(given: object) -> object:
    """JSON has no integers: 24.0 is one."""
    return int(given) if isinstance(given, float) and given.is_integer() else given


Instant = Annotated[datetime, BeforeValidator(_instant), WithJsonSchema({'type': 'string', 'format': 'date-time'})]
Limit = Annotated[int, Field(ge=1, le=200), BeforeValidator(_count)]
Word = Annotated[str, StringConstraints(pattern=r'^[A-Za-z0-9_.+-]{1,64}$')]
Text = Annotated[str, StringConstraints(min_length=1, max_length=10_000, pattern=r'^[^\x00]*$'), AfterValidator(_storable)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r'^[^\x00-\x1f\x7f]*$'), AfterValidator(_storable)]
Cursor = Annotated[str, StringConstraints(pattern=r'^[A-Za-z0-9_=-]{1,300}$')]
Number = Annotated[str, StringConstraints(pattern=r'^[0-9]{1,16}$')]
Version = Annotated[int, Field(strict=True, ge=0, le=2_000_000_000), BeforeValidator(_whole)]
Score = Annotated[int, Field(strict=True, ge=1, le=5), BeforeValidator(_whole)]


class Asked(BaseModel):
    """Something that a program sends: what is not known is refused."""

    model_config = ConfigDict(extra='forbid')


class Given(BaseModel):
    """Something that we answer. Times are UTC."""

    model_config = ConfigDict(extra='forbid', from_attributes=True)


class Problem(Given):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    version: int | None = Field(None, description='Of a folio that somebody else changed: the version to look at.')


# --- queries -----------------------------------------------------------------------------------------------------------


class Paged(Asked):
    """A page of a list."""

    limit: Limit = Field(50, description='At most so many.')
    cursor: Cursor | None = Field(None, description='`next` of the page before.')


class FoliosAsked(Paged):
    """Which folios."""

    client: Word | None = Field(None, description="Only this client's.")
    state: State | None = Field(None, description='Only in this state.')
    agent: Word | None = Field(None, description='Only what this agent (login) has.')
    group: Word | None = Field(None, description='Only what this resolver group has.')
    updated_since: Instant | None = Field(None, description='Only those to whose timelines something was added since.')


class SearchAsked(Paged):
    """What to look for."""

    q: Annotated[Line, Field(description='Words that must all stand in the folio, or its number.')]
    client: Word | None = Field(None, description="Only this client's.")


class CallsAsked(Paged):
    """Which calls."""

    folio: Number | None = Field(None, description='Only those of this folio.')


class FaxesAsked(Paged):
    """Which faxes."""

    state: Literal['received', 'counted', 'converted', 'held', 'queued', 'sent', 'quarantined', 'rejected', 'undelivered',
                   'discarded'] | None = Field(None, description='Only in this state.')


class StatementsAsked(Paged):
    """Which statements."""

    client: Word | None = Field(None, description="Only this client's.")


class UserAsked(Asked):
    """Which user of the client: by one of the two."""

    employee_number: Word | None = Field(None, description='Exactly as on the list.')
    phone: Annotated[str, StringConstraints(pattern=r'^\+[0-9]{5,15}$')] | None = Field(
        None, description='E.164; found when exactly one user owns it.')


# --- bodies ------------------------------------------------------------------------------------------------------------


class Opening(Asked):
    """A folio to be opened. Who reports is named by `employee_number` or `email`."""

    client: Word
    summary: Line
    employee_number: Word | None = None
    email: Annotated[str, StringConstraints(pattern=r'^[A-Za-z0-9_.+-]{1,64}@[A-Za-z0-9.-]{1,189}$')] | None = None
    line: Annotated[str, StringConstraints(pattern=r'^\+[0-9]{5,15}$')] | None = Field(
        None, description="The 800 number (E.164) whose contract counts; the client's ordinary one when it is left out.")
    description: Text | None = None
    kind: Kind = Kind.FAILURE
    complained_of: Word | None = Field(None, description='Of a complaint: the login of whom it is about.')
    impact: Level = Level.MEDIUM
    urgency: Level = Level.MEDIUM
    category: Word | None = None
    application: Word | None = None


class Changing(Asked):
    """A change of a folio that somebody has seen."""

    version: Version = Field(description='The version of the folio that was seen; 409 when it is another one by now.')


class Assign(Changing):
    """To an agent or to a resolver group: one of the two."""

    agent: Word | None = None
    group: Word | None = None
    reason: Text | None = None


class Wait(Changing):
    """Who must do something first."""

    waiting_for: Literal['user', 'supplier']
    reason: Text


class Resume(Changing):
    """Why it goes on."""

    reason: Text | None = None


class Because(Changing):
    """Why."""

    reason: Text


class Cancel(Because):
    """Why, and its class."""

    cause: CancelCause = Field(CancelCause.USER, description='By which the allowance counts it; nobody is told of spam.')


class Update(Changing):
    """What the user is told."""

    text: Text


class Note(Asked):
    """An internal note. It is no change, so a version is checked only when one is given."""

    text: Text
    version: Version | None = None


class Describe(Changing):
    """Corrections; what is left out stays."""

    summary: Line | None = None
    description: Text | None = None
    diagnosis: Text | None = None
    application: Word | None = None
    kind: Literal['failure', 'request'] | None = None


class Categorise(Changing):
    """A category of the client's menu."""

    category: Word


class Prioritise(Changing):
    """Impact and urgency, from which the priority follows."""

    impact: Level
    urgency: Level
    reason: Text


class Resolve(Changing):
    """What was done; the user reads it and is asked to confirm."""

    solution: Text
    diagnosis: Text | None = None
    first_contact: bool = Field(False, strict=True)


class Confirm(Changing):
    """A party says that it is solved. A contact's token speaks for the contact, whatever `party` says."""

    party: Literal['user', 'contact'] = 'user'
    score: Score | None = None
    comment: Text | None = None


class Merge(Changing):
    """The folio that says the same."""

    into: Number


# --- answers -----------------------------------------------------------------------------------------------------------


class Me(Given):
    """Whom the token stands for."""

    name: str
    role: Literal['agent', 'supervisor', 'admin', 'contact']
    client: str | None = Field(description='Whose data alone it sees; null: of all clients.')


class FolioGiven(Given):
    """A folio as it stands. What only we may know is null for a client's contact."""

    number: str
    version: int
    state: State
    client: str
    line: str
    modality: str
    priority: Level
    impact: Level
    urgency: Level
    kind: Kind
    category: str | None
    application: str | None
    summary: str | None
    description: str | None
    clock_starts: datetime
    promised: datetime | None
    respond_due: datetime | None
    next_look: datetime | None
    employee_number: str | None
    user_name: str | None
    user_email: str | None
    caller_number: str | None
    identified_by: str
    unlisted: bool
    site: str | None
    origin: str
    from_message: bool
    complained_of: str | None
    rule: str | None
    call: str | None
    opened_at: datetime
    holder: Literal['nobody', 'agent', 'group']
    agent: str | None
    resolver_group: str | None
    acknowledged_at: datetime | None
    waiting_for: Literal['user', 'supplier'] | None
    responded_at: datetime | None
    diagnosis: str | None
    solution: str | None
    resolved_at: datetime | None
    resolved_by: str | None
    first_contact: bool
    closed_at: datetime | None
    score: int | None
    reopens: int
    cancel_reason: str | None
    cancel_cause: CancelCause | None
    duplicate_of: str | None
    problem_id: int | None
    abandoned_at: datetime | None
    erased_at: datetime | None


class EntryGiven(Given):
    """A line of a timeline; `call` is the linkedid of the call that it speaks of."""

    at: datetime
    kind: EntryKind
    by: str
    text: str
    call: str | None


class FolioShown(FolioGiven):
    """A folio with everything that happened to it, the oldest first."""

    timeline: list[EntryGiven]


class Folios(Given):
    """A page of folios, the newest first."""

    items: list[FolioGiven]
    next: str | None


class ItemGiven(Given):
    """A folio in short."""

    number: str
    client: str
    line: str
    modality: str
    kind: Kind
    priority: Level
    state: State
    category: str | None
    summary: str | None
    user_name: str | None
    unlisted: bool
    opened_at: datetime
    promised: datetime | None
    holder: Literal['nobody', 'agent', 'group']
    agent: str | None
    resolver_group: str | None
    waiting_for: str | None
    version: int


class Piece(Given):
    """A piece of a passage."""

    text: str
    found: bool


class HitGiven(Given):
    """A folio that was found, and where the words stand."""

    folio: ItemGiven
    field: str
    passage: list[Piece]


class Hits(Given):
    """A page of what was found, the newest folio first. `number`: what was asked for is this folio's number."""

    items: list[HitGiven]
    next: str | None
    number: str | None


class LegGiven(Given):
    """A leg of a call, as Asterisk's CDR counts them."""

    uniqueid: str
    channel: str
    peer: str
    application: str
    started: datetime
    answered: datetime | None
    ended: datetime | None
    duration_s: int | None
    billsec_s: int | None
    disposition: str | None


class CallGiven(Given):
    """A call as the call log has it; seconds with fractions; what is not known, or not yet, is null."""

    linkedid: str
    direction: str
    started: datetime
    answered: datetime | None
    ended: datetime | None
    line: str | None
    dialled: str | None
    ani: str | None
    path: str | None
    why: str | None
    destination: str | None
    queue: str | None
    priority: int | None
    promoted: str | None
    joined: datetime | None
    left_queue: datetime | None
    wait_s: float | None
    agent: str | None
    agent_answered: datetime | None
    talk_s: float | None
    recorded: bool
    folio: str | None
    disposition: str | None


class CallShown(CallGiven):
    """A call with its legs."""

    legs: list[LegGiven]


class Calls(Given):
    """A page of calls, the newest first."""

    items: list[CallGiven]
    next: str | None


class FaxGiven(Given):
    """A received fax, without its content."""

    reference: str
    line: str | None
    client: str | None
    caller_number: str
    received_at: datetime
    state: str
    pages: int | None
    sent_pages: int | None
    on_hold: bool
    release_at: datetime | None
    deliveries: int
    recipient: str | None
    problem: str | None
    finished_at: datetime | None
    deleted_at: datetime | None


class Faxes(Given):
    """A page of faxes, the newest first."""

    items: list[FaxGiven]
    next: str | None


class UserGiven(Given):
    """A user on the client's list."""

    client: str
    employee_number: str
    name: str
    email: str
    phones: list[str]
    site: str
    vip: bool


class LineGiven(Given):
    """A contracted number, and whether it is open now. `changes_at`: when that changes; null: not within 400 days."""

    number: str
    client: str
    modality: str
    calendar: str
    zone: str
    queue: str | None
    open: bool
    reason: str
    changes_at: datetime | None


class Lines(Given):
    """The lines."""

    items: list[LineGiven]


class TodayGiven(Given):
    """A queue's calls since midnight of the site; `answered_in_time`: within the contract's seconds."""

    offered: int
    answered: int
    answered_in_time: int
    abandoned: int
    in_progress: int
    average_speed_of_answer_s: float | None
    longest_wait_s: float | None


class QueueGiven(Given):
    """A queue now. Null is what is not known, and never zero."""

    name: str
    waiting: int | None
    longest_since: datetime | None
    agents: dict[str, int] | None = Field(description='How many agents are in each state.')
    today: TodayGiven | None


class AgentGiven(Given):
    """What an agent does."""

    login: str
    name: str
    state: str
    since: datetime | None
    reason: str
    queues: list[str]


class BoardGiven(Given):
    """The wallboard now. `fresh`: the picture of Asterisk is complete and current; `heard_at`: when it was last heard."""

    fresh: bool
    heard_at: datetime | None
    books_at: datetime | None = Field(description='When the books were read.')
    queues: list[QueueGiven]
    agents: list[AgentGiven] | None = Field(description='Null while it is not known, and for a token of one client.')
    faxes_held: int | None = Field(description='Null for a token of one client.')


# --- statements ----------------------------------------------------------------------------------------------------------

Money = Annotated[str, WithJsonSchema({'type': 'string', 'pattern': r'^-?[0-9]+\.[0-9]{2}$'})]
Amount = Annotated[str, WithJsonSchema({'type': 'string', 'pattern': r'^-?[0-9]+(\.[0-9]+)?$'})]
Cell = str | int | dict[str, str | int] | None


class IssuedGiven(Given):
    """An issued statement, without its content. It never changes; corrections stand on later ones."""

    client: str
    month: str = Field(description="A local month of the site, '2026-10'.")
    total: Money = Field(description='MXN with IVA.')
    sha256: str = Field(description='Of the bytes that the statement itself is answered with.')
    issued_at: datetime
    issued_by: str


class IssuedList(Given):
    """A page of issued statements, the newest month first."""

    items: list[IssuedGiven]
    next: str | None


class ChargeGiven(Given):
    """A line of what is to be paid. `table`: the key of the table of figures behind it; `month`: of another month than the statement's."""

    key: str
    concept: str
    units: int
    price: Amount | None
    amount: Money
    table: str
    month: str


class ColumnGiven(Given):
    """A column of a table; `kind` says how its cells are written."""

    key: str
    title: str
    kind: Literal['text', 'count', 'money', 'rate', 'percent', 'seconds', 'decimal', 'date', 'instant', 'folio', 'call']


class TableGiven(Given):
    """Figures. A cell that is not of its column's kind says its own, {"text": "Total"}; null is not known, or nothing to measure."""

    key: str
    title: str
    columns: list[ColumnGiven]
    rows: list[list[Cell]]
    total: list[Cell] | None
    note: str
    annex: bool


class SeriesGiven(Given):
    """One line or one colour of bars."""

    title: str
    values: list[str | int | None]


class ChartGiven(Given):
    """A picture of figures that also stand in a table; `target`: a name and a value."""

    key: str
    title: str
    kind: str
    labels: list[str]
    series: list[SeriesGiven]
    unit: str
    target: list[str] | None


class SectionGiven(Given):
    """A chapter."""

    key: str
    title: str
    text: list[str]
    tables: list[TableGiven]
    charts: list[ChartGiven]


class StatementBody(Given):
    """A client's month. Days are local ones of `zone`, money is MXN before taxes but for `total`."""

    client: str
    client_name: str
    fiscal_name: str
    contract: str
    site_name: str
    month: str
    month_title: str
    zone: str
    first_day: date
    last_day: date
    made_at: datetime
    charges: list[ChargeGiven]
    subtotal: Money
    iva_percent: Amount
    iva: Money
    total: Money
    words: str
    sections: list[SectionGiven]
    notes: list[str]
    issued_at: datetime
    issued_by: str


class StatementShown(Given):
    """A statement, byte for byte as it was issued: sorted keys, UTF-8, no blanks."""

    format: Literal['mesa-statement']
    version: int
    statement: StatementBody
