"""Calls recorded on a real Asterisk, for the tests of the listener."""
from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ami_listener.rows import Row, read_cel, read_queue


@dataclass(frozen=True)
class Recording:
    """One call as Asterisk wrote it: the lines of its three files."""

    cel: Sequence[str]
    queue: Sequence[str]
    cdr: Sequence[str]

    @property
    def rows(self) -> list[Row]:
        return [*map(read_cel, self.cel), *map(read_queue, self.queue)]

    @property
    def linkedid(self) -> str:
        return read_cel(self.cel[0]).linkedid

    def records(self) -> list[dict[str, str]]:
        """Asterisk's CDR, in order of beginning."""
        names = ('linkedid', 'uniqueid', 'sequence', 'channel', 'peer', 'src', 'dst', 'context', 'application', 'data', 'start', 'answer',
                 'end', 'duration', 'billsec', 'disposition')
        return sorted((dict(zip(names, record, strict=True)) for record in csv.reader(self.cdr)), key=lambda record: float(record['start']))


def _recordings(file: str) -> dict[str, Recording]:
    found: dict[str, dict[str, list[str]]] = {}
    name = kind = ''
    for line in (Path(__file__).parent / file).read_text(encoding='utf-8').splitlines()[1:]:
        if line.startswith('== '):
            name = line[3:]
            found[name] = defaultdict(list)
        elif line.startswith('-- '):
            kind = line[3:]
        else:
            found[name][kind].append(line)
    return {name: Recording(kinds['cel'], kinds['queue'], kinds['cdr']) for name, kinds in found.items()}


RECORDED = _recordings('recorded_calls.txt')
CALL_BACKS = _recordings('recorded_call_backs.txt')
