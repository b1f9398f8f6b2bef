"""The programs of the fax server, kept running as the site in force wants them: modems, scheduler, clients' server, and who answers.

HylaFAX's programs change their user, and the kernel then forgets that they are to die with their parent. So each has a guard, a shell that
stays root: when the guard is told to end, or its supervisor dies, it ends the program and everything that the program has started.
"""
from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import date
from functools import partial
from pathlib import Path
from typing import IO, Any

from twisted.internet.defer import DeferredList, ensureDeferred
from twisted.internet.threads import deferToThread

from callcenter.child import Child, Task
from callcenter.fax_server import Part, free_device, free_locks, lacking, lay_out, parts, wanted
from callcenter.instance import Instance
from callcenter.loopback import hear_only
from config.place import Modem
from config.values import Site

FOLLOW_EVERY_S = 1.0
STOP_S = 4.0
GONE_S = 2.0                                           # for a killed program to be gone; it is there for milliseconds
GUARD = """
alive() { read -r _ _ state _ <"/proc/$child/stat" && [ "$state" != Z ]; } 2>/dev/null
end() {
    trap '' TERM
    [ -z "$child" ] || kill -TERM "$child" 2>/dev/null
    tries=0
    while [ "$tries" -lt 20 ] && alive; do sleep 0.1; tries=$((tries + 1)); done
    [ -z "$child" ] || kill -KILL "-$child" 2>/dev/null
    exit 0
}
child=
trap end TERM
setsid "$@" &
child=$!
wait "$child"
code=$?
kill -KILL "-$child" 2>/dev/null
exit "$code"
"""


class FaxParts:
    """The fax server's programs under supervision."""

    def __init__(self, reactor: Any, instance: Instance, changed: Callable[[], None], report: Callable[[str], None]) -> None:
        self.wrong = ''                                # why there is no fax server although the site wants one
        self._reactor = reactor
        self._instance = instance
        self._changed = changed
        self._report = report
        self._children: dict[Part, Child] = {}
        self._modems: tuple[Modem, ...] = ()
        self._site: Site | None = None
        self._in_force: tuple[str, date | None] = ('', None)
        self._next: Any = None
        self._stopping = False

    async def start(self) -> None:
        """Start what the site in force wants, and from now on follow what is applied."""
        await self._follow()

    def in_words(self) -> str:
        """What to tell a person when all is started; modems take four seconds to get ready, for which nobody waits."""
        if self.wrong:
            return f'  warning: {self.wrong}.'
        if not self._modems:
            return '  no fax server: [fax] modems is 0 in site.toml.'
        return f'  the fax server starts, modems: {", ".join(modem.name for modem in self._modems)} (ready when mesa fax modems says idle)'

    def told(self) -> dict[str, Any]:
        """What other commands are told."""
        return {'wrong': self.wrong, 'parts': {part.name: child.told() for part, child in self._children.items()}}

    async def stop(self) -> None:
        """Stop all; nothing of them is left: no process, no device, no lock."""
        self._stopping = True
        if self._next and self._next.active():
            self._next.cancel()
        await self._end(list(self._children))

    async def _follow(self) -> None:
        """Start and stop programs when another site is in force than before, or another day's terms."""
        try:
            in_force = self._instance.place.current.readlink().name, self._today()
            if in_force != self._in_force:
                self._site = await deferToThread(self._lay_out)
                self._in_force = in_force[0], self._today()
                await self._bring_in_line(self._site)
        except Exception as error:
            self._report(f'  warning: the fax server does not follow what is in force: {error}')
        if not self._stopping:
            self._next = self._reactor.callLater(FOLLOW_EVERY_S, lambda: ensureDeferred(self._follow()))

    def _today(self) -> date | None:
        """The local day of the site that was laid out; None before the first."""
        site = self._site
        return self._instance.clock(site).now().astimezone(site.zone).date() if site else None

    def _lay_out(self) -> Site:
        """Make the spool and what stands in it fit the site in force. Blocks."""
        site = self._instance.site()
        self.wrong = lacking() if wanted(site) else ''
        if wanted(site) and not self.wrong:
            lay_out(self._instance.place, site, self._instance.secrets(site))
        return site

    async def _bring_in_line(self, site: Site) -> None:
        place = self._instance.place
        new = list(parts(place, site)) if not self.wrong else []
        end_strays(part.argv for part in new if part not in self._children)
        await self._end([part for part in self._children if part not in new])
        if new and not self._children:
            free_locks(place)
        self._modems = place.modems(site.fax_server.modems) if new else ()
        for part in new:
            if part not in self._children and not self._stopping:
                self._children[part] = Child(self._reactor, self._task(part), partial(self._part_changed, part), self._report)
                self._children[part].start()
        self._changed()

    def _task(self, part: Part) -> Task:
        return Task(part.name, part.argv, self._instance.place.log / f'{part.name.replace(" ", "-")}.log', STOP_S,
                    guarded(part.powers, prompt=bool(part.makes or part.device)),
                    partial(self._ready, part), partial(self._before, part))

    def _part_changed(self, part: Part) -> None:
        """Who uses a modem that has ended holds a terminal that is no longer there."""
        self._changed()
        if part.makes and part in self._children and self._children[part].pid is None and not self._stopping:
            for user, child in self._children.items():
                if user.device == part.makes:
                    child.start_anew()

    def _ready(self, part: Part) -> bool:
        """Whether a program can start: its modem is there, and hears nobody but this machine."""
        if part.device is None:
            return True
        guard = next((child.pid for made, child in self._children.items() if made.makes == part.device), None)
        if guard is None or not part.device.exists():
            return False
        try:
            return any(hear_only(pid, part.port) for pid in _children_of(guard))
        except FileNotFoundError:
            return False                               # it ended meanwhile
        except OSError as error:
            self._report(f'  warning: modem {part.device.name} listens on UDP port {part.port} of every address, and takes a call from '
                         f'whoever sends one. Here it cannot be closed to the network ({error.strerror}): let a firewall do it.')
            return True

    def _before(self, part: Part) -> None:
        """Nothing of an earlier run may hold what this one needs."""
        end_strays([part.argv])
        if part.device:
            free_device(self._instance.place, part.device.name)

    async def _end(self, going: list[Part]) -> None:
        """Stop programs: first those that use a modem, then the modems, which wait for them."""
        for these in ([part for part in going if not part.makes], [part for part in going if part.makes]):
            await DeferredList([ensureDeferred(self._children.pop(part).stop()) for part in these])
        end_strays(part.argv for part in going)
        for part in going:
            if part.makes:
                part.makes.unlink(missing_ok=True)
                free_device(self._instance.place, part.makes.name)
        if going and not self._children:
            free_locks(self._instance.place)


def guarded(powers: Collection[str], prompt: bool = False) -> tuple[str, ...]:
    """How a program of the fax server is started: behind its guard, with these powers beyond its files and never more.

    A `prompt` one goes before others: sound must be made and heard in time.
    """
    allowed = ','.join(('-all', *(f'+{power}' for power in powers)))
    nice = ('nice', '-n', '-10') if prompt else ()
    return ('setsid', *nice, 'setpriv', '--pdeathsig', 'TERM', f'--bounding-set={allowed}', '--inh-caps=-all', '--no-new-privs',
            'sh', '-c', GUARD, 'mesa-guard')


def end_strays(argvs: Iterable[Sequence[str]]) -> None:
    """Kill programs with just these words whose guard was killed, with everything in their sessions, and see them gone.

    One that is still dying counts as alive: what it held, such as the lock of a modem, would be left to it.
    """
    wanted_words = {tuple(argv) for argv in argvs}
    found = dict(_processes())
    sessions = {session for pid, (words, session) in found.items() if words in wanted_words}
    with ExitStack() as handles:
        killed = [_kill(pid) for pid, (_, session) in found.items() if session in sessions]
        dying = [handles.enter_context(handle) for handle in killed if handle]
        deadline = time.monotonic() + GONE_S
        while dying and (left_s := deadline - time.monotonic()) > 0:
            gone, _, _ = select.select(dying, [], [], left_s)
            dying = [handle for handle in dying if handle not in gone]


def _children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f'/proc/{pid}/task/{pid}/children').read_text().split()]


def _processes() -> Iterator[tuple[int, tuple[tuple[str, ...], int]]]:
    """Process -> its words and its session."""
    for folder in Path('/proc').iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / 'cmdline').read_bytes().decode(errors='replace').rstrip('\0').split('\0')
                session = int((folder / 'stat').read_text(errors='replace').rpartition(')')[2].split()[3])
            except (OSError, ValueError):
                continue                               # it ended meanwhile
            yield int(folder.name), (tuple(words), session)


def _kill(pid: int) -> IO[bytes] | None:
    """Kill a process. What becomes readable when it is gone; None where it is gone already, or the machine tells no such thing."""
    try:
        handle = os.fdopen(os.pidfd_open(pid), 'rb', buffering=0)
        signal.pidfd_send_signal(handle.fileno(), signal.SIGKILL)
    except ProcessLookupError:
        return None
    except OSError:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return None
    return handle
