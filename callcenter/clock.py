"""What time it is: the system's clock, or the instant at which a demo site's clock was stopped."""
from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from callcenter.asterisk import Asterisk
from callcenter.console import Complaint
from callcenter.files import write_whole
from config.place import Place

LOCAL_TIME = re.compile(r'(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(Z|[+-]\d\d:?\d\d)?')
Stamp = tuple[int, int, int] | None


class Clock:
    """Mesa's only clock. In a demo site it stands still at the instant in `run/clock.json`, when there is one.

    Safe to ask from any thread, and cheap: one stat a question.
    """

    def __init__(self, root: Path, demo: bool) -> None:
        self._file = clock_file(root)
        self._demo = demo
        self._known: tuple[Stamp, datetime | None] = (None, None)

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return self.set_to() or datetime.now(UTC)

    def set_to(self) -> datetime | None:
        """The instant at which the clock was stopped, or None when it runs; always None in a site that is no demo."""
        if not self._demo:
            return None
        stamp = _stamp(self._file)
        known, instant = self._known
        if stamp != known:
            instant = None if stamp is None else _read(self._file)
            self._known = (stamp, instant)
        return instant


def clock_file(root: Path) -> Path:
    """Where a set clock is written."""
    return root / 'run' / 'clock.json'


def set_clock(root: Path, demo: bool, instant: datetime) -> None:
    """Stop the clock of a demo site at an instant; Complaint for any other site."""
    _insist_on_demo(demo)
    write_whole(clock_file(root), json.dumps({'now': instant.astimezone(UTC).isoformat()}) + '\n')


def clear_clock(root: Path, demo: bool) -> None:
    """Let the clock of a demo site run again; Complaint for any other site."""
    _insist_on_demo(demo)
    clock_file(root).unlink(missing_ok=True)


def tell_asterisk(place: Place, instant: datetime | None) -> None:
    """Let the running Asterisk's dialplan go by the same clock; None: by its own. Complaint when Asterisk does not answer."""
    Asterisk(place).command('database del mesa now' if instant is None else f'database put mesa now {int(instant.timestamp())}')


def parse_instant(text: str, zone: ZoneInfo) -> datetime:
    """The instant that a person wrote: 'YYYY-MM-DD HH:MM[:SS]' (or with T), local to `zone` unless an offset follows; or Complaint."""
    match = LOCAL_TIME.fullmatch(text.strip())
    try:
        moment = datetime.fromisoformat(''.join((match[1], 'T', match[2], match[3] or ''))) if match else None
    except ValueError:
        moment = None
    if moment is None:
        raise Complaint(f'{text!r} is not a time. Write it like 2026-11-24T10:00, or 2026-11-24T10:00-06:00.', 2)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return moment.astimezone(UTC)


def _insist_on_demo(demo: bool) -> None:
    if not demo:
        raise Complaint('The clock of this site cannot be set: only a site with `demo = true` has a clock of its own.', 2)


def _stamp(file: Path) -> Stamp:
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def _read(file: Path) -> datetime | None:
    """The instant in the file; None when it was just removed. The file is only ever replaced whole."""
    try:
        return datetime.fromisoformat(json.loads(file.read_text())['now'])
    except FileNotFoundError:
        return None
