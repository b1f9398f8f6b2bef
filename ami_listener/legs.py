"""The legs of a call: the records that Asterisk's own CDR writes for it, told from the channel events alone.

How the CDR engine of Asterisk 22 counts, as measured on it: a record belongs to a calling channel. The first begins with the channel and
takes the first telephone that is rung; every further telephone begins a record of its own, answered from its beginning when the caller
has been answered. A record ends when its telephone stops ringing or its conversation ends; if the caller goes on in the dialplan after
that, one more record begins there. `billsec` counts from the caller's own answer, so a telephone nobody picked up can have some.
"""
from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ami_listener.rows import CelRow

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
GOES_ON_US = 20_000                                    # a channel that only falls out of Queue or Dial is gone sooner
BUSY_CAUSE = 17
OWN_FAILURES: dict[Any, str] = {BUSY_CAUSE: 'BUSY', 3: 'FAILED', 20: 'FAILED', 34: 'FAILED'}     # of a caller without a telephone rung
NO_ANSWER_CAUSES = frozenset({0, 16, 18, 19, 26})
TAKEN = 'MESA_ANSWERED'                                # asterisk-conf/outbound.conf.j2 tells when a telephone that we dialled answered

_DIALLED = re.compile(r'PJSIP/([+0-9]{1,40})@trunk-')
_STAMP = re.compile(r'([0-9]{1,10})\.([0-9]{6})')


@dataclass(frozen=True)
class Leg:
    """One record as Asterisk's CDR has it. Aware UTC instants; whole seconds, rounded down; `peer` is the telephone rung, or ''.

    `taken` is when that telephone answered, where the dialplan says so because `answered` is another's.
    """

    uniqueid: str
    channel: str
    peer: str
    application: str
    started: datetime
    answered: datetime | None
    ended: datetime | None
    duration_s: int | None
    billsec_s: int | None
    disposition: str | None                            # 'ANSWERED' | 'NO ANSWER' | 'BUSY' | 'FAILED'; None: not over yet
    dialled: str | None = None                         # the number that a trunk was asked for
    taken: datetime | None = None


def legs_of(rows: Sequence[CelRow]) -> tuple[Leg, ...]:
    """The legs of one linkedid, in order of their beginning; `rows` in order of time."""
    telling = _Telling()
    for row in rows:
        telling.hear(row)
    return tuple(_leg(record) for record in sorted(telling.records, key=lambda record: record.started))


def moment(at_us: int) -> datetime:
    """The aware UTC instant of a journal time."""
    return EPOCH + timedelta(microseconds=at_us)


@dataclass
class _Record:
    caller: _Caller
    started: int
    peer: str = ''
    peer_answered: bool = False
    dialled: str | None = None
    taken: int | None = None
    answered: int | None = None
    ended: int | None = None
    failure: str = 'NO ANSWER'


@dataclass
class _Caller:
    """A channel that executes dialplan: what the CDR engine calls party A."""

    uniqueid: str
    channel: str
    answered: int | None = None
    application: str = ''
    dialling: bool = False
    target: str | None = None
    joined: bool = False
    left_application: int | None = None
    hung_up: bool = False
    records: list[_Record] = field(default_factory=list)

    def last(self) -> _Record | None:
        return self.records[-1] if self.records else None


class _Telling:
    """Listens to the rows of one call and keeps its records."""

    def __init__(self) -> None:
        self.callers: dict[str, _Caller] = {}
        self.rung: dict[str, _Record] = {}             # by the rung channel's uniqueid
        self.records: list[_Record] = []

    def hear(self, row: CelRow) -> None:
        caller = self.callers.get(row.uniqueid)
        if caller is not None:
            self._hear_caller(caller, row)
        elif row.uniqueid in self.rung:
            self._hear_rung(self.rung[row.uniqueid], row)
        elif row.event == 'CHAN_START':
            self._new_channel(row)

    def _new_channel(self, row: CelRow) -> None:
        dialling = next((caller for caller in reversed(self.callers.values()) if caller.dialling), None)
        if dialling is None:
            caller = self.callers[row.uniqueid] = _Caller(row.uniqueid, row.channel)
            self._begin(caller, row.at_us)
            return
        record = dialling.last()
        if record is None or record.peer or record.ended is not None:
            record = self._begin(dialling, row.at_us)
        record.peer, record.dialled = row.channel, dialling.target
        self.rung[row.uniqueid] = record

    def _hear_caller(self, caller: _Caller, row: CelRow) -> None:
        if row.event == 'HANGUP':
            self._hang_up(caller, row)
            return
        if row.event in ('CHAN_END', 'LINKEDID_END') or caller.hung_up:
            return
        if caller.left_application is not None and row.event != 'BRIDGE_EXIT':
            self._go_on(caller)
        if row.event == 'ANSWER' and caller.answered is None:
            caller.answered = row.at_us
            for record in caller.records:
                if record.ended is None:
                    record.answered = row.at_us
        elif row.event == 'APP_START' and row.app in ('Queue', 'Dial'):
            caller.application, caller.dialling, caller.target = row.app, True, dialled_in(row.appdata)
        elif row.event == 'APP_START':
            caller.application = row.app
        elif row.event == 'APP_END' and row.app in ('Queue', 'Dial') and not caller.joined:
            # While he is joined it has not ended: an agent who dialled has put his call on hold, and executes that meanwhile.
            caller.dialling, caller.left_application = False, row.at_us
        elif row.event == 'BRIDGE_ENTER':
            caller.joined = True
        elif row.event == 'BRIDGE_EXIT':
            caller.joined = False
            for record in caller.records:
                if record.peer_answered and record.ended is None:
                    record.ended = row.at_us

    def _hear_rung(self, record: _Record, row: CelRow) -> None:
        if record.ended is not None:
            return
        if row.event == 'ANSWER':
            record.peer_answered = True
        elif row.user_event == TAKEN:
            record.taken = taken_at(row)
        elif row.event in ('BRIDGE_EXIT', 'HANGUP'):
            record.ended = row.at_us
            if record.caller.application == 'Dial' and record.caller.answered is None:
                record.failure = _failure(row)

    def _hang_up(self, caller: _Caller, row: CelRow) -> None:
        caller.hung_up, caller.dialling = True, False
        left = caller.left_application
        sent_off = str(row.extra.get('hangupsource', '')).startswith('dialplan/')
        if left is not None and (sent_off or row.at_us - left > GOES_ON_US):
            self._go_on(caller)
        for record in caller.records:
            if record.ended is None:
                record.ended = row.at_us
                if not record.peer:
                    record.failure = OWN_FAILURES.get(row.extra.get('hangupcause'), record.failure)

    def _go_on(self, caller: _Caller) -> None:
        """The caller executes the next step after Queue or Dial: if all his records are over, a new one begins."""
        left, caller.left_application = caller.left_application, None
        if left is not None and all(record.ended is not None for record in caller.records):
            self._begin(caller, left)

    def _begin(self, caller: _Caller, at_us: int) -> _Record:
        record = _Record(caller, at_us, answered=None if caller.answered is None else at_us)
        caller.records.append(record)
        self.records.append(record)
        return record


def dialled_in(data: str) -> str | None:
    """The number that a Dial with this data asks a trunk for, as it is dialled."""
    found = _DIALLED.match(data)
    return found[1] if found else None


def taken_at(row: CelRow) -> int | None:
    """The instant that an event TAKEN tells."""
    return stamp(str(row.extra.get('extra', '')))


def stamp(text: str) -> int | None:
    """An instant as the dialplan and the CDR write it, '1790000000.123456', in microseconds since 1970; None for what is none."""
    found = _STAMP.fullmatch(text)
    return int(found[1]) * SECOND + int(found[2]) if found else None


def _failure(row: CelRow) -> str:
    """The disposition of a telephone that was rung by Dial and not picked up."""
    if row.extra.get('hangupsource') != row.channel:
        return 'NO ANSWER'                             # it was called off: the caller or another telephone was quicker
    cause = row.extra.get('hangupcause')
    if cause == BUSY_CAUSE:
        return 'BUSY'
    return 'NO ANSWER' if isinstance(cause, int) and cause in NO_ANSWER_CAUSES else 'FAILED'


def _leg(record: _Record) -> Leg:
    caller = record.caller
    leg = Leg(caller.uniqueid, caller.channel, record.peer, caller.application, moment(record.started),
              None if record.answered is None else moment(record.answered), None, None, None, None, record.dialled,
              None if record.taken is None else moment(record.taken))
    if record.ended is None:
        return leg
    reached = record.peer_answered if record.peer else record.answered is not None
    billed = 0 if record.answered is None else record.ended - record.answered
    return replace(leg, ended=moment(record.ended), duration_s=max(0, (record.ended - record.started) // SECOND),
                   billsec_s=max(0, billed // SECOND), disposition='ANSWERED' if reached else record.failure)
