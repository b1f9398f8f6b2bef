"""How many calls this machine holds, and what a call costs: SIPp against the running instance, native dialplan beside the full path.

Both numbers are answered at once and ended by Asterisk. 8005559901 does it by the dialplan alone (Answer, 9 x Set, Hangup); 8005559902 asks
Mesa in between: identify, decide, commit a folio, hand over. The delay is the time from the INVITE to the BYE as SIPp sees both. Native and
full runs alternate, so that whatever else the machine does troubles both.
"""
from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import select

from callcenter.console import Complaint
from callcenter.phone import Server
from config.values import Site
from storage.engine import Database
from ticketing.tables import folios

SCENARIO = Path(__file__).resolve().parent / 'sipp' / 'call.xml'
DIALLED = {'native': '8005559901', 'full': '8005559902'}
BLOCKS = range(20, 100)                                # 555BBnnnnn: the callers of one bench
CALLERS_IN_BLOCK = 100_000
HELD = 0.95                                            # of the wanted rate
ANSWER_PATIENCE_MS = 10_000
EXTRA_S = 30                                           # for the last calls, and a slow machine
IDLE_S = 2.0
CALM_S = 0.5
CALM_TICKS = 3
LONGEST_SETTLING_S = 10.0
SIPP_RAN = (0, 1)                                      # all calls succeeded, some failed
TICK_S = 1 / os.sysconf('SC_CLK_TCK')


@dataclass(frozen=True)
class Measure:
    """One run. Delays are from INVITE to BYE; CPU is user and system time per call, threads included, idle load taken off."""

    path: str
    rate: float
    calls: int
    failed: int
    held: float | None                                 # calls ended per second
    p50_ms: float | None
    p99_ms: float | None
    asterisk_cpu_ms: float
    mesa_cpu_ms: float
    retransmissions: int

    @property
    def passes(self) -> bool:
        """Whether the rate was held without a failure."""
        return self.failed == 0 and self.held is not None and self.held >= HELD * self.rate


@dataclass(frozen=True)
class FolioCheck:
    """Whether every call of the full path left its folio: calls that Asterisk ended, their folios, distinct numbers among these."""

    calls: int
    found: int
    distinct: int

    @property
    def passes(self) -> bool:
        """One folio a call, and no number twice."""
        return self.calls == self.found == self.distinct


@dataclass(frozen=True)
class Bench:
    """A bench against one instance: where to call, from which address, and the processes that are measured."""

    server: Server
    address: str
    asterisk_pid: int
    mesa_pid: int
    site: Site
    database: Database


def run(bench: Bench, rates: Sequence[float], seconds: float, pairs: int,
        told: Callable[[Measure], None]) -> tuple[list[Measure], FolioCheck]:
    """Every rate, native and full in turn; afterwards the folios. Complaint when SIPp is not there or cannot run."""
    block = free_block(bench.database, bench.site)
    pids = {'asterisk': bench.asterisk_pid, 'mesa': bench.mesa_pid}
    idle = idle_load(pids)
    next_caller, full_callers, measures = 0, set[str](), []
    for rate in rates:
        for turn in range(pairs):
            for path in ('native', 'full') if turn % 2 == 0 else ('full', 'native'):
                calls = max(1, round(rate * seconds))
                callers = [caller(block, n) for n in range(next_caller, next_caller + calls)]
                next_caller += calls
                measured, done = one_run(bench, path, rate, callers, pids, idle)
                full_callers |= done if path == 'full' else set()
                measures.append(measured)
                told(measured)
    return measures, check_folios(bench.database, block, full_callers)


def one_run(bench: Bench, path: str, rate: float, callers: Sequence[str], pids: Mapping[str, int],
            idle: Mapping[str, float]) -> tuple[Measure, set[str]]:
    """One SIPp run; the measure, and the callers whose calls Asterisk ended: each of theirs must have its folio."""
    with TemporaryDirectory(prefix='mesa-bench-') as name:
        folder = Path(name)
        began, before = time.monotonic(), cpu(pids)
        sipp(bench, folder, DIALLED[path], rate, callers)
        settle(pids)
        took, after = time.monotonic() - began, cpu(pids)
        messages = read_messages((folder / 'messages').read_text().splitlines())
        counts = read_counts((folder / 'counts').read_text())
    delays = sorted(message.ended - message.began for message in messages.values() if message.ended is not None)
    spent = {who: max(0.0, after[who] - before[who] - idle[who] * took) * 1000 / len(callers) for who in pids}
    measured = Measure(path=path, rate=rate, calls=len(callers), failed=len(callers) - counts['SuccessfulCall(C)'],
                       held=pace(messages.values()), p50_ms=percentile(delays, 50), p99_ms=percentile(delays, 99),
                       asterisk_cpu_ms=round(spent['asterisk'], 3), mesa_cpu_ms=round(spent['mesa'], 3),
                       retransmissions=counts['Retransmissions(C)'])
    # SIPp numbers its calls from 1 in the order of the callers' file.
    return measured, {callers[number - 1] for number, message in messages.items() if message.ended is not None}


def sipp(bench: Bench, folder: Path, dialled: str, rate: float, callers: Sequence[str]) -> None:
    """Run SIPp to its end; its message times are left in `messages`, its counts in `counts`."""
    program = shutil.which('sipp')
    if program is None:
        raise Complaint('SIPp is not installed. Install it with: apt-get install sip-tester')
    (folder / 'callers').write_text('SEQUENTIAL\n' + ''.join(f'{number};{dialled}\n' for number in callers))
    longest = len(callers) / rate + EXTRA_S
    argv = [program, str(bench.server), '-sf', str(SCENARIO), '-inf', 'callers', '-i', bench.address, '-mi', bench.address,
            '-p', str(free_udp_port(bench.address)), '-mp', str(free_udp_port(bench.address)),
            '-r', f'{rate:g}', '-m', str(len(callers)), '-l', str(len(callers)), '-recv_timeout', str(ANSWER_PATIENCE_MS),
            '-timeout', f'{longest:.0f}', '-nostdin', '-trace_shortmsg', '-shortmessage_file', 'messages',
            '-trace_stat', '-stf', 'counts', '-fd', '1', '-trace_err', '-error_file', 'errors']
    try:
        ended = subprocess.run(argv, cwd=folder, timeout=longest + EXTRA_S, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True, check=False, env={**os.environ, 'TERM': 'xterm'})
    except subprocess.TimeoutExpired as error:
        raise Complaint(f'SIPp did not end within {longest + EXTRA_S:.0f} s.') from error
    if ended.returncode not in SIPP_RAN or not (folder / 'messages').exists():
        errors = folder / 'errors'
        words = (errors.read_text() if errors.exists() else ended.stderr).strip().splitlines()
        raise Complaint(f'SIPp could not run (exit code {ended.returncode}): {words[-1] if words else "it said nothing"}')


@dataclass
class Messages:
    """When a call's INVITE was first sent and when its BYE came, seconds since the epoch."""

    began: float
    ended: float | None = None


def read_messages(lines: Iterable[str]) -> dict[int, Messages]:
    """Times of INVITE and BYE by SIPp's call number, from its short message log."""
    calls: dict[int, Messages] = {}
    for line in lines:
        fields = line.split('\t')
        if len(fields) < 7:
            continue
        at, direction, call_id, first = float(fields[2]), fields[3], fields[4], fields[6]
        number = int(call_id.partition('-')[0])
        if direction == 'S' and first.startswith('INVITE '):
            calls.setdefault(number, Messages(at))
        elif direction == 'R' and first.startswith('BYE ') and number in calls and calls[number].ended is None:
            calls[number].ended = at
    return calls


def read_counts(text: str) -> dict[str, int]:
    """SIPp's cumulated counts, from the last line of its statistics."""
    lines = text.splitlines()
    if len(lines) < 2:
        raise Complaint('SIPp left no statistics.')
    pairs = zip(lines[0].split(';'), lines[-1].split(';'), strict=False)
    return {name: int(value) for name, value in pairs if name.endswith('(C)') and value.isdigit()}


def pace(calls: Iterable[Messages]) -> float | None:
    """Calls ended per second, between the first end and the last; None for fewer than two."""
    ends = sorted(call.ended for call in calls if call.ended is not None)
    if len(ends) < 2 or ends[-1] == ends[0]:
        return None
    return round((len(ends) - 1) / (ends[-1] - ends[0]), 1)


def percentile(delays: Sequence[float], percent: float) -> float | None:
    """A percentile of sorted seconds, in milliseconds (nearest rank); None when there are none."""
    if not delays:
        return None
    rank = -(-len(delays) * percent // 100)
    return round(delays[max(0, int(rank) - 1)] * 1000, 1)


def cpu(pids: Mapping[str, int]) -> dict[str, float]:
    """User and system seconds that each process has used, all its threads together."""
    return {who: cpu_ticks(pid) * TICK_S for who, pid in pids.items()}


def cpu_ticks(pid: int) -> int:
    """Fields 14 and 15 of /proc/PID/stat; the name before them may hold spaces and parentheses. Complaint when the process is gone."""
    try:
        text = Path(f'/proc/{pid}/stat').read_text()
    except OSError as error:
        raise Complaint(f'Process {pid} of this Mesa ended during the bench; see: mesa status') from error
    fields = text[text.rindex(')') + 2:].split()
    return int(fields[11]) + int(fields[12])


def idle_load(pids: Mapping[str, int]) -> dict[str, float]:
    """CPU seconds that each process uses per second while nobody calls."""
    before = cpu(pids)
    time.sleep(IDLE_S)
    return {who: (spent - before[who]) / IDLE_S for who, spent in cpu(pids).items()}


def settle(pids: Mapping[str, int]) -> None:
    """Wait until what the calls left behind (the journal) is worked off."""
    deadline = time.monotonic() + LONGEST_SETTLING_S
    ticks = sum(map(cpu_ticks, pids.values()))
    while time.monotonic() < deadline:
        time.sleep(CALM_S)
        now = sum(map(cpu_ticks, pids.values()))
        if now - ticks <= CALM_TICKS:
            return
        ticks = now


def caller(block: int, number: int) -> str:
    """The caller's number of one call, as he presents it."""
    return f'555{block:02d}{number:05d}'


def free_block(database: Database, site: Site) -> int:
    """A block of callers' numbers that no user of the site has and that left no folio yet."""
    users = {phone for client in site.clients.values() for user in client.users for phone in user.phones}
    blocks = list(BLOCKS)
    random.shuffle(blocks)
    for block in blocks:
        prefix = f'+52555{block:02d}'
        if not any(phone.startswith(prefix) for phone in users) and not folios_of(database, block):
            return block
    raise Complaint('Every block of test numbers was used already: run the bench in a fresh instance.')


def folios_of(database: Database, block: int) -> list[tuple[str, str]]:
    """(number, caller) of every folio that callers of a block opened."""
    with database.read() as connection:
        rows = connection.execute(select(folios.c.number, folios.c.caller_number).where(folios.c.caller_number.like(f'+52555{block:02d}%')))
        return [(number, who) for number, who in rows]


def check_folios(database: Database, block: int, callers: set[str]) -> FolioCheck:
    """Compare the calls of the full path with the folios in the database."""
    found = [(number, who) for number, who in folios_of(database, block) if who.removeprefix('+52') in callers]
    return FolioCheck(calls=len(callers), found=len({who for _, who in found}), distinct=len({number for number, _ in found}))


def free_udp_port(address: str) -> int:
    """An even UDP port on an address that nobody uses now."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
            trial.bind((address, 0))
            port = int(trial.getsockname()[1])
        if port % 2 == 0:
            return port


def goals(measures: Sequence[Measure]) -> dict[str, object]:
    """The numbers that matter, compared at the highest rate that both paths held."""
    held = {path: max((m.rate for m in measures if m.path == path and m.passes), default=None) for path in DIALLED}
    if None in held.values():
        return {'held_native': held['native'], 'held_full': held['full']}
    rate = min(value for value in held.values() if value is not None)
    native, full = (mean([m for m in measures if m.path == path and m.rate == rate]) for path in ('native', 'full'))
    return {'held_native': held['native'], 'held_full': held['full'], 'compared_at': rate,
            'mesa_cpu_ms': full['mesa_cpu_ms'], 'native_cpu_ms': native['asterisk_cpu_ms'],
            'p99_beyond_native_ms': round(full['p99_ms'] - native['p99_ms'], 1)}


def mean(measures: Sequence[Measure]) -> dict[str, float]:
    """The mean of the runs at one rate."""
    names = ('asterisk_cpu_ms', 'mesa_cpu_ms', 'p50_ms', 'p99_ms')
    return {name: round(sum(getattr(m, name) for m in measures) / len(measures), 3) for name in names}
