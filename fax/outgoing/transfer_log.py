"""HylaFAX's log of calls, log/xferfaxlog: one line each, fields between tabs, to be read by the tag of a job of ours.

The number of a job is not enough: a new spool begins at 1 again. A field may hold what a foreign machine said of itself. The line tells the
minute of a call; the log of its session, log/cNNNNNNNNN, begins with the moment, so that of two faxes to one number in one minute each is
tied to its own call in Asterisk.
"""
from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from fax.outgoing.jobs import Attempt

CALL = 'SEND'
DATE, KIND, COMMID, TAG, PAGES, CONNECTED, REASON = 0, 1, 2, 5, 10, 12, 13
FIELDS = 14
WHEN = '%m/%d/%y %H:%M'
DURATION = re.compile(r'(\d{1,4}):(\d\d):(\d\d)', re.ASCII)
NUMBER = re.compile(r'\d{1,9}', re.ASCII)
COMMUNICATION = re.compile(r'[0-9A-Za-z]{1,16}', re.ASCII)
BEGUN = re.compile(rb'[A-Z][a-z]{2} [ 0-9]\d (\d\d:\d\d:\d\d\.\d\d): \[ *\d+\]: SESSION BEGIN (\d+) ')
AWRY = timedelta(minutes=2)                            # of a session's beginning from the minute of its line, at most
FIRST_LINE = 200                                       # octets of the log of a session in which it stands


def attempts_in(log: Path, tag: str) -> tuple[Attempt, ...]:
    """The calls that were made for a job, the oldest first, `log` being xferfaxlog; none when there is no log yet. Raises OSError."""
    try:
        with log.open('rb') as lines:
            ours = [line for line in lines if tag.encode() in line and line.endswith(b'\n')]     # the last one may be half written
    except FileNotFoundError:
        return ()
    read = (attempt_of(line.decode('utf-8', 'replace'), tag) for line in ours)
    calls = {attempt.commid: attempt for attempt in read if attempt is not None}.values()
    return tuple(replace(call, at=begun_at(log.with_name(f'c{call.commid}'), call)) for call in calls)


def begun_at(session: Path, call: Attempt) -> datetime:
    """When a call began, to the hundredth of a second, from the log of its session; to the minute where that is gone."""
    try:
        with session.open('rb') as log:
            begun = BEGUN.match(log.read(FIRST_LINE))
    except OSError:
        return call.at
    if begun is None or begun[2].decode() != call.commid:
        return call.at
    try:
        moment = time.fromisoformat(begun[1].decode())
    except ValueError:
        return call.at
    days = (call.at.astimezone().date() + timedelta(days=days) for days in (-1, 0, 1))
    at = min((datetime.combine(day, moment).astimezone(UTC) for day in days), key=lambda at: abs(at - call.at))
    return at if abs(at - call.at) <= AWRY else call.at


def attempt_of(line: str, tag: str) -> Attempt | None:
    """The call that a line tells of, if it was made for the job with this tag."""
    fields = line.rstrip('\r\n').split('\t')
    if len(fields) < FIELDS or fields[KIND] != CALL or _unquoted(fields[TAG]) != tag:
        return None
    at, seconds = _instant(fields[DATE]), _seconds(fields[CONNECTED])
    if at is None or seconds is None or not NUMBER.fullmatch(fields[PAGES]) or not COMMUNICATION.fullmatch(fields[COMMID]):
        return None
    return Attempt(fields[COMMID], at, seconds, int(fields[PAGES]), _unquoted(fields[REASON]))


def _unquoted(field: str) -> str:
    inner = field[1:-1] if len(field) > 1 and field[0] == field[-1] == '"' else field
    return ' '.join(''.join(character if character.isprintable() else ' ' for character in inner).split())


def _seconds(field: str) -> int | None:
    found = DURATION.fullmatch(field)
    return None if found is None else int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3])


def _instant(field: str) -> datetime | None:
    """HylaFAX writes the machine's own local time."""
    try:
        return datetime.strptime(field, WHEN).astimezone(UTC)
    except ValueError:
        return None
