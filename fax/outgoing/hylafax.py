"""HylaFAX's client programs, sendfax, faxstat and faxrm, each run on a terminal of its own by pexpect (mission.md 5.5).

Their exit codes say nothing (0 without a server, with a wrong password, for a job that failed), so their words are read. The password
goes in at their prompt alone. Every run ends: by itself, or when our patience does.
"""
from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pexpect

from fax.outgoing.jobs import Told
from fax.outgoing.numbers import dialled
from fax.values import FaxError

HOST = '127.0.0.1'
USER = 'mesa'
MARK = '|mesa|'
# One job a line, the only free text last: a status goes on over line ends. The default cuts it at 25 characters.
JOB_FORMAT = MARK + '|'.join(('%J', '%j', '%a', '%p', '%y', '%t', '%d', '%s'))
TOLD = re.compile(re.escape(MARK) + r'([a-z0-9-]{1,40})\|(\d{1,9})\|(.)\|(\d+)\|(\d+)\|(\d+)\|(\d+)\|(.*)', re.ASCII)
ANSWERED = re.compile(r'^HylaFAX scheduler on ', re.MULTILINE)
ACCEPTED = re.compile(r'^request id is (\d+) \(group id \d+\) for host ', re.MULTILINE)
REMOVED = re.compile(r'^Job \d+ removed', re.MULTILINE)
UNKNOWN = re.compile(r'^500 Cannot kill job \d+; job does not exist', re.MULTILINE)
PROMPT = 'Password:'
PROMPTED = re.compile(r'(?:^|\n)' + PROMPT)
UNREACHABLE = ('Can not reach', 'Connection refused', 'No response from')
NEVER = ('Can not determine file type', 'Can not open file', 'No destination specified', 'usage: ')
TAG = re.compile(r'[a-z0-9-]{8,40}', re.ASCII)
SAID = 300                                             # characters of a program's words that we repeat
LOOKED_BACK = 200                                      # characters in which the prompt is looked for: a list may be long


class HylafaxError(FaxError):
    """HylaFAX did not do it: what, where, and what to do. `final`: asked again, it would say the same."""

    def __init__(self, message: str, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


@dataclass(frozen=True)
class Hylafax:
    """The HylaFAX of one instance. `home` is a folder of ours that the programs take for their user's."""

    port: int
    password: str = field(repr=False)
    home: Path
    patience_s: float = 60.0

    @property
    def where(self) -> str:
        """Its address."""
        return f'{HOST}:{self.port}'

    @property
    def at_work(self) -> Path:
        """A file that is locked while a sendfax of ours runs, also one that has outlived the process that started it."""
        return self.home / 'sendfax.lock'

    def submit(self, sheets: Path, number: str, tag: str, *, tries: int, dials: int, sender: str = '') -> int:
        """Hand a TIFF to HylaFAX, to be dialled at `number` (E.164); answers its job number. Raises HylafaxError.

        After an error nobody knows whether it has the job: `jobs` tells, by the tag.
        """
        if not TAG.fullmatch(tag):
            raise ValueError(f'{tag!r} cannot be the tag of a job')
        command = ('flock', '--no-fork', '--nonblock', str(self.at_work), 'sendfax', '-h', self.where, '-n', '-N', '-m', '-i', tag,
                   '-t', str(tries), '-T', str(dials), *(('-S', sender) if sender else ()), '-d', dialled(number), sheets.name)
        # By its name alone: sendfax would put the folder's into a shell's command for some kinds of files.
        said = self._run(command, cwd=sheets.parent)
        accepted = ACCEPTED.search(said)
        if accepted is None:
            raise self._complaint('sendfax', said)
        return int(accepted[1])

    def jobs(self) -> tuple[Told, ...]:
        """All jobs with tags that HylaFAX knows, those that are over included, until it is cleaned. Raises HylafaxError."""
        said = self._run(('faxstat', '-h', self.where, '-s', '-d'))
        if ANSWERED.search(said) is None:
            raise self._complaint('faxstat', said)
        return told_in(said)

    def remove(self, job: int) -> bool:
        """Have HylaFAX give up a job, also one that it is sending; False when it has none of this number. Raises HylafaxError."""
        said = self._run(('faxrm', '-h', self.where, str(job)))
        if REMOVED.search(said) is not None:
            return True
        if UNKNOWN.search(said) is not None:
            return False
        raise self._complaint('faxrm', said)

    def _run(self, command: Sequence[str], cwd: Path | None = None) -> str:
        """What a program says until it ends, its lines ended by single line feeds."""
        self._settle()
        name = next(word for word in command if word in ('sendfax', 'faxstat', 'faxrm'))
        try:
            child = pexpect.spawn(command[0], list(command[1:]), timeout=self.patience_s, encoding='utf-8', codec_errors='replace',
                                  cwd=cwd and str(cwd), env=self._environment(), searchwindowsize=LOOKED_BACK)
        except pexpect.ExceptionPexpect as error:
            raise HylafaxError(f'{command[0]} cannot be started. Is hylafax-client installed? See: mesa doctor') from error
        try:
            if child.expect([PROMPTED, pexpect.EOF]) == 0:
                child.waitnoecho(self.patience_s)
                child.sendline(self.password)
                child.expect(pexpect.EOF)
            return str(child.before).replace('\r', '')
        except pexpect.TIMEOUT:
            raise HylafaxError(f'{name} did not end within {self.patience_s:.0f} s at {self.where}. See: mesa status') from None
        finally:
            child.close(force=True)

    def _environment(self) -> dict[str, str]:
        return {'PATH': '/usr/bin:/bin', 'HOME': str(self.home), 'FAXUSER': USER, 'LC_ALL': 'C', 'TMPDIR': str(self.home)}

    def _settle(self) -> None:
        """The programs' settings are ours, and not those of whoever started Mesa."""
        settings = self.home / '.hylarc'
        wanted = f'JobFmt: "{JOB_FORMAT}"\nVerbose: no\n'
        if not settings.is_file() or settings.read_text() != wanted:
            self.home.mkdir(parents=True, exist_ok=True)
            settings.write_text(wanted)

    def _complaint(self, program: str, said: str) -> HylafaxError:
        shown = ' '.join(said.replace(self.password, '***').split())[:SAID]
        if any(words in said for words in UNREACHABLE):
            return HylafaxError(f'HylaFAX does not answer at {self.where} ({shown}). See: mesa status')
        if 'Login failed' in said or 'Login incorrect' in said:
            return HylafaxError(f'HylaFAX at {self.where} refuses the password of its user {USER} ({shown}). Give it anew with: mesa up')
        return HylafaxError(f'{program} at {self.where} did not do it: {shown or "it said nothing"}', any(words in said for words in NEVER))


def told_in(said: str) -> tuple[Told, ...]:
    """The jobs in faxstat's lists; lines of another form, jobs without a tag of ours, and further lines of a status are left out."""
    found = (TOLD.match(line) for line in said.split('\n'))
    return tuple(_told(one) for one in found if one is not None)


def _told(found: re.Match[str]) -> Told:
    tag, job, code, *numbers, status = found.groups()
    pages_sent, pages, tries, dials = map(int, numbers)
    return Told(tag, int(job), code, pages_sent, pages, tries, dials, _status(status))


def _status(text: str) -> str:
    return ''.join(character for character in text if character.isprintable()).strip(' \\')
