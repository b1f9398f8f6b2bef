"""The ledger against Asterisk's own call records, log/cdr-custom/mesa.csv and its renamed predecessors (mission.md 7.3).

Read as legs and told by the same rule as the call log's, but from records that nothing of ours is made from: every call out of the one must
be in the other, with the same seconds, and cost the same to the cent.
"""
from __future__ import annotations

import csv
import gzip
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Connection, select

from ami_listener.legs import SECOND, Leg, dialled_in, moment, stamp
from ami_listener.tables import calls
from ami_listener.trunk_calls import TRUNK_CHANNEL, TrunkCall, is_originated, trunk_calls
from config.values import Site
from contracts.ledger import LedgerLine, lines, priced

FILE = 'cdr-custom/mesa.csv'
# In the order of asterisk-conf/cdr_custom.conf.j2; records of before it told `userfield` have one field less.
FIELDS = ('linkedid', 'uniqueid', 'sequence', 'channel', 'peer', 'src', 'dst', 'context', 'application', 'data', 'start', 'answer', 'end',
          'duration', 'billsec', 'disposition', 'userfield')
LONGEST_CALL = timedelta(days=1)
IN_AT_ONCE = 400                                       # values in one IN (...)


@dataclass(frozen=True)
class Mismatch:
    """One difference between ledger and call records, in a sentence."""

    linkedid: str
    channel: str                                       # of the trunk
    what: str                                          # 'not_in_ledger' | 'not_in_records' | 'seconds' | 'amount'
    says: str


@dataclass(frozen=True)
class Checked:
    """What was compared: how many calls out, their seconds and sum by either side, and what differs; `unreadable` lines of the files."""

    calls: int
    seconds: tuple[int, int]
    amount: tuple[Decimal, Decimal]
    mismatches: tuple[Mismatch, ...]
    unreadable: int


def check(connection: Connection, site: Site, log: Path, since: datetime, until: datetime) -> Checked:
    """Compare the ledger with the records in Asterisk's log folder, for the calls out in [since, until). Raises OSError."""
    told, unreadable = records_in(log / FILE, since - LONGEST_CALL, until + LONGEST_CALL)
    ours = {(line.linkedid, line.channel): line for line in lines(connection, None, since - LONGEST_CALL, until + LONGEST_CALL)}
    theirs = _calls_out(connection, site, told)
    keys = sorted({*(key for key, line in ours.items() if since <= line.at < until),
                   *(key for key, call in theirs.items() if since <= call.at < until)})
    found: list[Mismatch] = []
    seconds, amounts = [0, 0], [Decimal(0), Decimal(0)]
    for key in keys:
        line, call = ours.get(key), theirs.get(key)
        again = priced(replace(line, at=call.at, seconds=call.seconds), site) if line and call else None
        if line:
            seconds[0] += line.seconds
            amounts[0] += line.amount or 0
        if call:
            seconds[1] += call.seconds
            amounts[1] += (again.amount if again else None) or 0
        found += _mismatches(key, line, call, again)
    return Checked(len(keys), (seconds[0], seconds[1]), (amounts[0], amounts[1]), tuple(found), unreadable)


def records_in(file: Path, since: datetime, until: datetime) -> tuple[Mapping[str, Sequence[Leg]], int]:
    """The records of calls that began in [since, until), by linkedid, from the file and its renamed predecessors; how many lines are none.

    Raises OSError.
    """
    found: dict[str, list[Leg]] = defaultdict(list)
    seen: set[tuple[str, ...]] = set()                 # a file that was copied instead of renamed tells everything twice
    unreadable = 0
    for one in _files(file):
        with (gzip.open(one, 'rb') if one.suffix == '.gz' else one.open('rb')) as raw:
            for row in csv.reader(io.TextIOWrapper(raw, 'utf-8', 'replace', newline='')):
                leg = leg_of(row)
                if leg is None:
                    unreadable += bool(row)
                elif since <= leg.started < until and tuple(row) not in seen:
                    seen.add(tuple(row))
                    found[row[0]].append(leg)
    return found, unreadable


def leg_of(row: Sequence[str]) -> Leg | None:
    """A record as a leg; None for a line that is none."""
    if len(row) not in (len(FIELDS), len(FIELDS) - 1):
        return None
    told = dict(zip(FIELDS, row, strict=False))
    start, answer, end = (_instant(told[name]) for name in ('start', 'answer', 'end'))
    if start is None or end is None or not (told['duration'].isdigit() and told['billsec'].isdigit()):
        return None
    dialled = dialled_in(told['data']) if told['application'] == 'Dial' else None
    return Leg(told['uniqueid'], told['channel'], told['peer'], told['application'], start, answer, end, int(told['duration']),
               int(told['billsec']), told['disposition'], dialled, _instant(told.get('userfield', '')))


def _calls_out(connection: Connection, site: Site, told: Mapping[str, Sequence[Leg]]) -> dict[tuple[str, str], TrunkCall]:
    """The calls out by linkedid and channel of the trunk; of a channel alone only the call log tells whether it came in or left."""
    touched = [linkedid for linkedid, legs in told.items()
               if any(TRUNK_CHANNEL in (leg.peer[:len(TRUNK_CHANNEL)], leg.channel[:len(TRUNK_CHANNEL)]) for leg in legs)]
    originated = _originated(connection, touched)
    found: dict[tuple[str, str], TrunkCall] = {}
    for linkedid in touched:
        legs = sorted(told[linkedid], key=lambda leg: leg.started)
        for call in trunk_calls(enumerate(legs), originated.get(linkedid, linkedid.startswith('mesa-'))):
            if call.dialled not in site.emergency.numbers:
                found[linkedid, call.channel] = call
    return found


def _originated(connection: Connection, linkedids: Sequence[str]) -> dict[str, bool]:
    found: dict[str, bool] = {}
    for start in range(0, len(linkedids), IN_AT_ONCE):
        for row in connection.execute(select(calls.c.linkedid, calls.c.direction, calls.c.line, calls.c.dialled).where(
                calls.c.linkedid.in_(linkedids[start:start + IN_AT_ONCE]))):
            found[row.linkedid] = is_originated(row.direction, row.line, row.dialled)
    return found


def _mismatches(key: tuple[str, str], line: LedgerLine | None, call: TrunkCall | None, again: LedgerLine | None) -> Iterator[Mismatch]:
    linkedid, channel = key
    if line is None:
        assert call is not None
        yield Mismatch(linkedid, channel, 'not_in_ledger', f'the call of {call.at:%Y-%m-%d %H:%M:%S} UTC, {call.seconds} s, is not in the '
                                                           'ledger: mesa ledger rerate')
    elif call is None or again is None:
        yield Mismatch(linkedid, channel, 'not_in_records', f'the call of {line.at:%Y-%m-%d %H:%M:%S} UTC, {line.seconds} s, '
                                                            f'{_money(line.amount)}, is in no call record of Asterisk')
    else:
        if line.seconds != call.seconds:
            yield Mismatch(linkedid, channel, 'seconds', f'{line.seconds} s in the ledger, {call.seconds} s in the call record')
        if line.amount != again.amount and not line.is_frozen:
            yield Mismatch(linkedid, channel, 'amount', f'{_money(line.amount)} in the ledger, {_money(again.amount)} by the seconds of '
                                                        'the call record and the tariff in force: mesa ledger rerate')


def _files(file: Path) -> Iterable[Path]:
    """The file and its renamed or packed predecessors."""
    return sorted(one for one in file.parent.glob(f'{file.name}*') if one.is_file() and (
        one.name == file.name or one.name.startswith((f'{file.name}.', f'{file.name}-'))))


def _instant(text: str) -> datetime | None:
    """An instant in seconds since 1970; None for 0, which is never, and for what is none."""
    at_us = stamp(text)
    return None if at_us is None or at_us < SECOND else moment(at_us)


def _money(amount: Decimal | None) -> str:
    return 'no price' if amount is None else f'{amount} MXN'
