"""A fax machine for tests, at the other end of Mesa's trunk: a second Asterisk with a folder and ports of its own.

    machine = FaxMachine(tmp_path / 'machine')
    mesa = RealMesa(tmp_path / 'mesa', edit=machine.take_trunk, fax=2)
    machine.start(mesa.place.ports.sip)
    machine.send('8005550105', write_fax(tmp_path / 'one.tif')).status          # 'SUCCESS'
    machine.received(...)                                                       # what came to it by Mesa's trunk
"""
from __future__ import annotations

import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from callcenter.ports import free_ports
from callcenter.provision import asterisk_command, asterisk_prefix, triplet
from config.render import MODULES_FILE, TEMPLATES

ADDRESS = '127.0.0.2'                                  # the demo's trunk is known by it
BOOT_S = 60.0
SEND_S = 100.0
TRIES = 2
ENDED_S = 15.0
PAGE_EVERY_S = 0.2
SECRET = 'of-this-test-alone'
FAX_MODULES = ('res_fax', 'res_fax_spandsp')
NOT_LOADED = ('chan_iax2', 'app_queue', 'app_cdr', 'app_celgenuserevent', 'func_cdr', 'res_cdrel_custom', 'cdr_custom', 'cel_custom')
FILES = {
    'asterisk.conf': """
[directories]
astetcdir => {root}/etc
astmoddir => {modules}
astvarlibdir => {root}/varlib
astdbdir => {root}/db
astkeydir => {root}/db
astdatadir => {share}
astagidir => {root}/agi
astspooldir => {root}/spool
astrundir => {root}/run
astlogdir => {root}/log
[options]
nocolor = yes
hideconnect = yes
""",
    'logger.conf': '[general]\n[logfiles]\nmessages.log = notice,warning,error\n',
    'res_fax.conf': '[general]\nminrate=4800\nmaxrate=14400\nstatusevents=yes\necm=yes\n',
    'rtp.conf': '[general]\nrtpstart={rtp_start}\nrtpend={rtp_end}\n',
    'manager.conf': """
[general]
enabled = yes
bindaddr = 127.0.0.1
port = {ami}
[test]
secret = {secret}
read = system,call,user,reporting,command
write = originate,call,system,reporting,command
""",
    'pjsip.conf': """
[transport-udp]
type = transport
protocol = udp
bind = {address}:{sip}
[mesa]
type = endpoint
transport = transport-udp
context = receive
disallow = all
allow = ulaw,alaw
direct_media = no
trust_id_inbound = yes
aors = mesa
[mesa]
type = aor
contact = sip:127.0.0.1:{mesa_sip}
[mesa]
type = identify
endpoint = mesa
match = 127.0.0.1
""",
    # Whatever happens to a call, its end is told in `h`.
    'extensions.conf': """
[globals]
MODE=fax
[send]
exten => s,1,Set(FAXOPT(localstationid)=${STATION})
 same => n,Set(FAXOPT(headerinfo)=Prueba)
 same => n,SendFAX(${TIFF},f)
 same => n,Hangup()
exten => h,1,UserEvent(FaxSent,Id: ${UNIQUEID},Status: ${FAXSTATUS},Pages: ${FAXPAGES},Error: ${FAXERROR},Remote: ${REMOTESTATIONID})
[receive]
exten => _[0-9+].,1,Set(DIALLED=${EXTEN})
 same => n,Set(WHO=${CALLERID(num)})
 same => n,Goto(${MODE},1)
exten => fax,1,Answer()
 same => n,ReceiveFAX({root}/received/${UNIQUEID}.tif,f)
 same => n,Hangup()
exten => busy,1,Hangup(17)
exten => ring,1,Ringing()
 same => n,Wait(120)
exten => voice,1,Answer()
 same => n,Wait(120)
exten => h,1,Set(FAX=${FAXSTATUS}/${FAXPAGES}/${REMOTESTATIONID})
 same => n,UserEvent(FaxReceived,Id: ${UNIQUEID},Number: ${DIALLED},Caller: ${WHO},Fax: ${FAX})
""",
}


@dataclass(frozen=True)
class Sent:
    """How sending ended: `status` is Asterisk's FAXSTATUS ('' when nobody answered), `cause` ISDN's of the hang-up, 17 for busy."""

    status: str
    pages: int
    error: str
    remote: str                                        # how the receiving machine named itself
    cause: int


@dataclass(frozen=True)
class Arrived:
    """A call to the machine that is over: the number dialled, who called, and the fax, when there was one."""

    number: str
    caller: str
    status: str
    pages: int
    remote: str
    file: Path


Event = Mapping[str, str]


class FaxMachine:
    """A second Asterisk. `send` blocks until the call is over; several threads may send at once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._ports = free_ports()
        self._process: subprocess.Popen[bytes] | None = None
        self._manager: _Manager | None = None
        self._ids = count(1)
        self.patience_s = SEND_S                       # for one fax; who sends long ones needs more

    @property
    def address(self) -> str:
        """Where it is called, as `outbound` of a trunk names it."""
        return f'{ADDRESS}:{self._ports.sip}'

    def take_trunk(self, site: Path) -> None:
        """An `edit` for RealMesa: the demo's trunk leads here."""
        file = site / 'site.toml'
        text = file.read_text()
        assert '127.0.0.2:5070' in text
        file.write_text(text.replace('127.0.0.2:5070', self.address))

    def start(self, mesa_sip: int) -> None:
        """Start it towards the Mesa whose SIP port is given; returns when it answers."""
        for folder in ('etc', 'varlib', 'db', 'agi', 'spool', 'run', 'log', 'received'):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        prefix = asterisk_prefix()
        known = {**asdict(self._ports), 'root': self.root, 'address': ADDRESS, 'mesa_sip': mesa_sip, 'secret': SECRET,
                 'share': prefix / 'usr/share/asterisk', 'modules': prefix / 'usr/lib' / triplet() / 'asterisk/modules'}
        for name, text in FILES.items():
            filled = re.sub(r'(?<!\$)\{(\w+)\}', lambda match: str(known[match[1]]), text)
            (self.root / 'etc' / name).write_text(filled)
        loads = ''.join(f'load = {name}.so\n' for name in _modules())
        (self.root / 'etc' / 'modules.conf').write_text(f'[modules]\nautoload = no\n{loads}')
        command = [*asterisk_command(asterisk_prefix()), '-C', str(self.root / 'etc' / 'asterisk.conf'), '-f']
        with (self.root / 'log' / 'asterisk.log').open('ab') as log:
            self._process = subprocess.Popen(['nice', '-n', '-10', 'setpriv', '--pdeathsig', 'KILL', *command], stdin=subprocess.DEVNULL,
                                             stdout=log, stderr=log, start_new_session=True)
        self._manager = _Manager(self._ports.ami, self._process)

    def stop(self) -> None:
        """End it, and see that it is gone."""
        if self._process:
            self._process.kill()
            self._process.wait()
        if self._manager:
            self._manager.close()

    def send(self, number: str, tiff: Path, caller: str = '5555551234', name: str = '', hang_up_after: int | None = None) -> Sent:
        """Send a fax through Mesa's trunk, and tell how it ended; `hang_up_after` so many pages that are through.

        A fax that fails by itself is sent once more, as real machines do: on a busy computer sound comes too late now and then.
        """
        for _ in range(TRIES):
            call = self.begin(number, tiff, caller, name)
            hangs_up = hang_up_after is not None and self.answered(call) and self.has_sent(call, hang_up_after)
            if hangs_up:
                self.give_up(call)
            sent = self.ended(call)
            if hangs_up or sent.status != 'FAILED':
                break
        assert hang_up_after is None or hangs_up, f'page {hang_up_after} was not through: {sent}'
        return sent

    def begin(self, number: str, tiff: Path, caller: str = '5555551234', name: str = '') -> str:
        """Call, and return at once; `ended` waits for the end of the call with this id."""
        call = f'fax-{os.getpid()}-{next(self._ids)}'
        self._ask({'Action': 'Originate', 'ActionID': call, 'ChannelId': call, 'Async': 'true', 'Channel': f'PJSIP/{number}@mesa',
                   'Context': 'send', 'Exten': 's', 'Priority': '1', 'Timeout': '90000', 'CallerID': f'"{name}" <{caller}>',
                   'Variable': f'TIFF={tiff},STATION={caller}'})
        return call

    def answered(self, call: str) -> bool:
        """Wait until a call is answered (True), or refused (False)."""
        event = self._wait(lambda event: event.get('Event') == 'OriginateResponse' and event.get('ActionID') == call, SEND_S)
        return event['Response'] == 'Success'

    def ended(self, call: str) -> Sent:
        """Wait for the end of a call."""
        answered = self.answered(call)
        patience_s = self.patience_s if answered else ENDED_S
        over = self._wait(lambda event: event.get('Event') == 'Hangup' and event.get('Uniqueid') == call, patience_s)
        cause = int(over.get('Cause', '0'))
        if not answered:
            return Sent('', 0, '', '', cause)
        told = self._wait(lambda event: event.get('UserEvent') == 'FaxSent' and event.get('Id') == call, ENDED_S)
        return Sent(told['Status'], int(told['Pages'] or 0), told['Error'], told['Remote'], cause)

    def has_sent(self, call: str, pages: int) -> bool:
        """Wait until so many pages of an answered call are through (True), or it has ended (False)."""
        deadline = time.monotonic() + SEND_S
        while self._page_number(call) <= pages:        # it counts the page that it is sending
            if not self._channels(call):
                return False
            assert time.monotonic() < deadline, f'page {pages} was not through after {SEND_S:g} s'
            time.sleep(PAGE_EVERY_S)                   # between two looks: Asterisk tells of no page by itself
        return True

    def give_up(self, call: str) -> None:
        """Hang up in the middle of a call."""
        for channel in self._channels(call):
            self._ask({'Action': 'Hangup', 'Channel': channel})

    def send_all(self, numbers: Iterable[str], tiff: Path) -> list[Sent]:
        """Send one fax to several numbers at once, and none again; each caller has a number of his own, 5555552001 and on."""
        callers = ((number, str(5555552001 + place)) for place, number in enumerate(numbers))
        with ThreadPoolExecutor(16) as threads:
            return list(threads.map(lambda pair: self.ended(self.begin(pair[0], tiff, pair[1])), callers))

    def behave(self, mode: str) -> None:
        """How it takes calls from now on: as a 'fax' machine, 'busy', 'ring' (nobody answers), or 'voice' (answers and says nothing)."""
        self._ask({'Action': 'Setvar', 'Variable': 'MODE', 'Value': mode})

    def arrived(self, which: int = 0, patience_s: float = SEND_S) -> Arrived:
        """The n-th call to the machine, from 0, when it is over."""
        told = self._wait_nth(lambda event: event.get('UserEvent') == 'FaxReceived', which, patience_s)
        status, pages, remote = told['Fax'].split('/', 2)
        return Arrived(told['Number'], told['Caller'], status, int(pages or 0), remote, self.root / 'received' / f'{told["Id"]}.tif')

    def console(self, command: str) -> str:
        """What its console answers."""
        words = [*asterisk_command(asterisk_prefix()), '-C', str(self.root / 'etc' / 'asterisk.conf'), '-rx', command]
        return subprocess.run(words, capture_output=True, text=True, timeout=20, check=False).stdout

    def _page_number(self, call: str) -> int:
        """The page that a call is about to send, from 1; 0 before it sends any."""
        for channel in self._channels(call):
            session = re.search(rf'^{re.escape(channel)} +\S+ +(\d+)', self.console('fax show sessions'), re.MULTILINE)
            page = session and re.search(r'Page Number *: *(\d+)', self.console(f'fax show session {session[1]}'))
            if page:
                return int(page[1])
        return 0

    def _channels(self, call: str) -> list[str]:
        rows = (line.split('!') for line in self.console('core show channels concise').splitlines())
        return [row[0] for row in rows if row[-1] == call]

    def _ask(self, headers: Mapping[str, str]) -> None:
        assert self._manager, 'it is not started'
        self._manager.ask(headers)

    def _wait(self, fits: Callable[[Event], bool], patience_s: float) -> Event:
        return self._wait_nth(fits, 0, patience_s)

    def _wait_nth(self, fits: Callable[[Event], bool], which: int, patience_s: float) -> Event:
        assert self._manager, 'it is not started'
        return self._manager.wait(fits, which, patience_s)


def _modules() -> list[str]:
    """Those that Mesa's own Asterisk loads, but for its books, and those for faxes."""
    text = (TEMPLATES / MODULES_FILE).read_text()
    names = [name for line in text.splitlines() for name in line.partition('#')[0].split()]
    return [*(name for name in names if name not in NOT_LOADED), *FAX_MODULES]


class _Manager:
    """The machine's manager interface: everything that it tells is kept, so that nobody comes too late to hear it."""

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self._heard: list[Event] = []
        self._news = threading.Condition()
        self._connection = _connected(port, process)
        self._lock = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()
        self.ask({'Action': 'Login', 'Username': 'test', 'Secret': SECRET})
        self.wait(lambda event: event.get('Event') == 'FullyBooted', 0, BOOT_S)

    def ask(self, headers: Mapping[str, str]) -> None:
        """Give an order."""
        text = ''.join(f'{name}: {value}\r\n' for name, value in headers.items()) + '\r\n'
        with self._lock:
            self._connection.sendall(text.encode())

    def wait(self, fits: Callable[[Event], bool], which: int, patience_s: float) -> Event:
        """The n-th event that fits, from the beginning."""
        def found() -> Event | None:
            return next((event for place, event in enumerate(filter(fits, self._heard)) if place == which), None)
        with self._news:
            assert self._news.wait_for(found, patience_s), f'the fax machine did not tell within {patience_s:.0f} s; {self._heard[-5:]}'
            event = found()
        assert event is not None
        return event

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _listen(self) -> None:
        event: dict[str, str] = {}
        try:
            for line in self._connection.makefile('r', encoding='utf-8', errors='replace'):
                name, colon, value = line.rstrip('\r\n').partition(':')
                if colon:
                    event[name] = value.strip()
                elif event and not name:
                    with self._news:
                        self._heard.append(event)
                        self._news.notify_all()
                    event = {}
        except OSError:
            return                                     # closed


def _connected(port: int, process: subprocess.Popen[bytes]) -> socket.socket:
    deadline = time.monotonic() + BOOT_S
    while True:
        try:
            return socket.create_connection(('127.0.0.1', port))
        except ConnectionRefusedError:
            assert process.poll() is None and time.monotonic() < deadline, 'the fax machine does not start'
            time.sleep(0.05)                           # between two tries
