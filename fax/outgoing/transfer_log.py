"""HylaFAX's log of calls, log/xferfaxlog: one line each, fields between tabs, to be read by the tag of a job of ours.

The number of a job is not enough: a new spool begins at 1 again. A field may hold what a foreign machine said of itself.
"""
from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from fax.outgoing.jobs import Attempt

CALL = 'SEND'
DATE, KIND, COMMID, TAG, PAGES, CONNECTED, REASON = 0, 1, 2, 5, 10, 12, 13
FIELDS = 14
WHEN = '%m/%d/%y %H:%M'
DURATION = re.compile(r'(\d{1,4}):(\d\d):(\d\d)', re.ASCII)
NUMBER = re.compile(r'\d{1,9}', re.ASCII)
COMMUNICATION = re.compile(r'[0-9A-Za-z]{1,16}', re.ASCII)


def attempts_in(log: Path, tag: str) -> tuple[Attempt, ...]:
    """The calls that were made for a job, the oldest first; none when there is no log yet. Raises OSError."""
    try:
        with log.open('rb') as lines:
            ours = [line for line in lines if tag.encode() in line and line.endswith(b'\n')]     # the last one may be half written
    except FileNotFoundError:
        return ()
    read = (attempt_of(line.decode('utf-8', 'replace'), tag) for line in ours)
    return tuple({attempt.commid: attempt for attempt in read if attempt is not None}.values())


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
