"""One line of Asterisk's journal as a value: CEL rows, queue_log rows, and the few lines that Mesa adds itself.

A line that is not what we asked Asterisk to write raises `NotARow`; the reader keeps it aside and goes on.
"""
from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

CEL_FIELDS = ('eventenum', 'eventtime', 'uniqueid', 'linkedid', 'channame', 'name', 'num', 'ani', 'dnid', 'exten', 'context', 'appname',
              'appdata', 'peer', 'userdeftype', 'eventextra')         # in the order of asterisk-conf/cel_custom.conf.j2
LONGEST_ID = 150
CALL_BACK_ID = 'call-back-'                                           # how the linkedid of a call-back begins; ours to choose
PLACE_END = '-place'                                                  # how the end of it that stands in the queue is called

_EVENT = re.compile(r'[A-Z_]{1,40}')
_SECONDS = re.compile(r'[0-9]{1,10}')                                 # ten digits reach the year 2286; more is no time of ours
_CONTROL = re.compile(r'[\x00-\x1f\x7f]')
_MOMENT = re.compile(r'([0-9]{1,10})\.([0-9]{6})')


class NotARow(ValueError):
    """The line is not a row of this journal; the text says why."""


@dataclass(frozen=True, slots=True)
class CelRow:
    """A channel event. `at_us`: microseconds since 1970, UTC. `extra`: what Asterisk adds to the event, decoded."""

    event: str
    at_us: int
    uniqueid: str
    linkedid: str
    channel: str
    number: str = ''                                                  # the channel's caller number
    ani: str = ''
    dnid: str = ''
    exten: str = ''
    context: str = ''
    app: str = ''
    appdata: str = ''
    peer: str = ''
    user_event: str = ''
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A line of queue_log; whole seconds only. `linkedid` is the waiting caller's channel, '' for lines about no call."""

    event: str
    at_us: int
    linkedid: str
    queue: str
    agent: str
    data: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OwnRow:
    """What Mesa itself adds about a call: `FOLIO` (data: the number) or `LOST` (Asterisk died under the call)."""

    event: str
    at_us: int
    linkedid: str
    data: str


Row = CelRow | QueueRow | OwnRow


def read_cel(line: str) -> CelRow:
    """The channel event that a line of the CEL file tells."""
    try:
        fields = next(csv.reader((line,), strict=True))
    except (csv.Error, StopIteration) as error:
        raise NotARow(f'not comma-separated: {error}') from error
    if len(fields) != len(CEL_FIELDS):
        raise NotARow(f'{len(fields)} fields, not {len(CEL_FIELDS)}')
    event, at, uniqueid, linkedid, channel, _, number, ani, dnid, exten, context, app, appdata, peer, user_event, extra = fields
    moment = _MOMENT.fullmatch(at)
    if moment is None or _EVENT.fullmatch(event) is None:
        raise NotARow('no event or no time')
    if not (0 < len(uniqueid) <= LONGEST_ID and 0 < len(linkedid) <= LONGEST_ID):
        raise NotARow('no channel identity')
    at_us = int(moment[1]) * 1_000_000 + int(moment[2])
    return CelRow(event, at_us, uniqueid, linkedid, channel[:LONGEST_ID], number, ani, dnid, exten, context, app[:80], appdata, peer,
                  user_event, _extra(extra))


def read_queue(line: str) -> QueueRow:
    """The event that a line of queue_log tells: epoch|callid|queue|agent|event|data..."""
    fields = line.split('|')
    if len(fields) < 5 or _SECONDS.fullmatch(fields[0]) is None or _EVENT.fullmatch(fields[4]) is None:
        raise NotARow('not a line of queue_log')
    if len(fields[1]) > LONGEST_ID:
        raise NotARow('no channel identity')
    linkedid = '' if fields[1] == 'NONE' else fields[1]
    if linkedid.startswith(CALL_BACK_ID):
        linkedid = linkedid.removesuffix(PLACE_END)
    return QueueRow(fields[4], int(fields[0]) * 1_000_000, linkedid, fields[2], fields[3], tuple(fields[5:]))


def read_own(line: str) -> OwnRow:
    """A line that `own_line` wrote."""
    event, at, linkedid, data = line.split('|', 3)
    return OwnRow(event, int(at), linkedid, data)


def own_line(row: OwnRow) -> str:
    """The line of the journal that keeps `row`."""
    return f'{row.event}|{row.at_us}|{row.linkedid}|{row.data}'


READERS: dict[str, Callable[[str], Row]] = {'cel': read_cel, 'queue': read_queue, 'mesa': read_own}


def _extra(text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotARow(f'extra is not JSON: {error}') from error
    if not isinstance(value, dict):
        raise NotARow('extra is not an object')
    if '\\u' in text:
        # JSON can spell what no database stores: null characters and halves of letters.
        return {key: _CONTROL.sub(' ', item).encode('utf-8', 'replace').decode() if isinstance(item, str) else item
                for key, item in value.items()}
    return value
