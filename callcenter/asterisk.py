"""The running Asterisk of an instance, through its own console."""
from __future__ import annotations

import re
import subprocess

from callcenter.console import Complaint
from callcenter.provision import asterisk_command
from config.place import Place


class Asterisk:
    """Asks the running Asterisk by `asterisk -rx`."""

    def __init__(self, place: Place) -> None:
        self._argv = [*asterisk_command(place.prefix), '-C', str(place.asterisk_conf)]
        self._socket = place.asterisk_run / 'asterisk.ctl'

    def is_running(self) -> bool:
        """Does it answer on its console?"""
        return self._socket.exists() and self._run('core show uptime').returncode == 0

    def applications(self) -> frozenset[str]:
        """What the dialplan may call, as this Asterisk has it loaded; empty when it does not run."""
        if not self.is_running():
            return frozenset()
        listed = re.findall(r'^ *([A-Za-z][A-Za-z0-9_]*): ', self.command('core show applications'), re.MULTILINE)
        return frozenset(listed)

    def command(self, text: str) -> str:
        """What the console answers. Complaint when it does not answer."""
        done = self._run(text)
        if done.returncode:
            raise Complaint(f'Asterisk did not take {text!r}: {(done.stdout + done.stderr).strip()}')
        return done.stdout

    def _run(self, text: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run([*self._argv, '-rx', text], capture_output=True, text=True, errors='replace', timeout=30, check=False)
        except subprocess.TimeoutExpired as error:
            raise Complaint(f'Asterisk did not answer {text!r} within 30 s.') from error
