"""The running Asterisk of an instance, through its own console."""
from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

from callcenter.console import Complaint
from callcenter.provision import asterisk_command
from config.place import Place

PATIENCE_S = 10.0
APPLICATION = re.compile(r'^ *([A-Za-z][A-Za-z0-9_]*): ', re.MULTILINE)
# The first column is cut after twenty letters, the second shows the whole name.
FUNCTION = re.compile(r'^[A-Z][A-Z0-9_]* +([A-Z][A-Z0-9_]*)\(', re.MULTILINE)


@dataclass(frozen=True)
class Offered:
    """What a dialplan may use of an Asterisk, by name; both empty when that is not known."""

    applications: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()


class Asterisk:
    """Asks the running Asterisk by `asterisk -rx`."""

    def __init__(self, place: Place, patience_s: float = PATIENCE_S) -> None:
        self._argv = [*asterisk_command(place.prefix), '-C', str(place.asterisk_conf)]
        self._socket = place.asterisk_run / 'asterisk.ctl'
        self._patience_s = patience_s

    def is_running(self) -> bool:
        """Does it answer on its console, fully booted? Complaint when it is there and hangs, or takes longer to boot than the patience."""
        return self._socket.exists() and self._run('core waitfullybooted').returncode == 0

    def offered(self) -> Offered:
        """Which applications and functions it has loaded; nothing when it does not run."""
        if not self.is_running():
            return Offered()
        return Offered(frozenset(APPLICATION.findall(self.command('core show applications'))),
                       frozenset(FUNCTION.findall(self.command('core show functions'))))

    def applications(self) -> frozenset[str]:
        """What the dialplan may call, as this Asterisk has it loaded; empty when it does not run."""
        return self.offered().applications

    def command(self, text: str) -> str:
        """What the console answers. Complaint when it does not answer."""
        done = self._run(text)
        if done.returncode:
            raise Complaint(f'Asterisk did not take {text!r}: {(done.stdout + done.stderr).strip()}')
        return done.stdout

    def _run(self, text: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run([*self._argv, '-rx', text], capture_output=True, text=True, errors='replace',
                                  timeout=self._patience_s, check=False)
        except subprocess.TimeoutExpired as error:
            raise Complaint(f'Asterisk did not answer {text!r} within {self._patience_s:.0f} s.') from error
