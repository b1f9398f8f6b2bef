"""The trial of an apply: the running Asterisk reads the files anew, and then it and Mesa must have what was rendered."""
from __future__ import annotations

import json
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path

from callcenter.asterisk import Asterisk
from callcenter.services import serving_file
from config.rendered import steps_of
from config.values import Site

MESA_PATIENCE_S = 10.0
# Always, for it includes the table of hours, which belongs to no apply; and last, so that what it leads to is there before it.
DIALPLAN = 'dialplan reload'
RELOADS = {
    'pjsip.conf': 'module reload res_pjsip.so',
    'iax.conf': 'iax2 reload',
    'queues.conf': 'queue reload all',
    'musiconhold.conf': 'moh reload',
    'manager.conf': 'manager reload',
    'logger.conf': 'logger reload',
    'cel.conf': 'module reload cel',
    'features.conf': 'module reload features',
}
CONTEXT = re.compile(r"\[ Context '(.+)' created by ")
EXTENSION = re.compile(r" +'([^']+)'(?: \(CID match '[^']*'\))? =>(?= )")
PRIORITY = re.compile(r' +(?:\[[^]]+\] +)?(\d+)\. ([^(]+)\(')
REFUSAL = re.compile(r'No such|[Ff]ailed|[Uu]nable')
QUEUE = re.compile(r'(\S+) has \d+ calls')
MEMBER = re.compile(r' +.* \((PJSIP/[^)]+)\)')
ENDPOINT = re.compile(r'^ *Endpoint: +([^/\s<]+)', re.MULTILINE)
MATCH = re.compile(r'^ *Match: +([0-9a-fA-F.:]+(?:/\d+)?)', re.MULTILINE)
Running = Mapping[tuple[str, str, int], str]


def reload(asterisk: Asterisk, changed: Collection[str] | None = None) -> list[str]:
    """Make the running Asterisk read the files that changed (None: all that it can); what it refuses, in sentences.

    Calls in progress go on. Raises Complaint when it does not answer.
    """
    commands = [*(command for file, command in RELOADS.items() if changed is None or file in changed), DIALPLAN]
    answers = {command: asterisk.command(command).strip() for command in commands}
    return [f'The running Asterisk answered to {command!r}: {answer}' for command, answer in answers.items() if REFUSAL.search(answer)]


def read_at_start_only(changed: Iterable[str]) -> tuple[str, ...]:
    """Of the files that changed, those that a running Asterisk does not read again."""
    return tuple(sorted(name for name in changed if not (name in RELOADS or name == 'extensions.conf' or name.startswith('custom/'))))


def missing_parts(asterisk: Asterisk, site: Site, files: Mapping[str, str]) -> Iterator[str]:
    """What the running Asterisk should have by the rendered files and has not, in sentences."""
    yield from missing_steps(read_dialplan(asterisk.command('dialplan show')), site, files)
    yield from missing_queues(read_queues(asterisk.command('queue show')), site)
    yield from missing_telephones(asterisk.command('pjsip show endpoints'), site)


def read_dialplan(told: str) -> Running:
    """(context, extension, priority) -> application, from `dialplan show`."""
    found: dict[tuple[str, str, int], str] = {}
    context = extension = ''
    for line in told.splitlines():
        if match := CONTEXT.match(line):
            context = match[1]
        if match := EXTENSION.match(line):
            extension, line = match[1], line[match.end():]
        if match := PRIORITY.match(line):
            found[context, extension, int(match[1])] = match[2]
    return found


def missing_steps(running: Running, site: Site, files: Mapping[str, str]) -> Iterator[str]:
    """The first difference of each extension: one that is not there, or does another thing."""
    complained = set()
    for step in steps_of(files):
        has = running.get(step.node, 'nothing')
        if has.lower() != step.application.lower() and (step.context, step.extension) not in complained:
            complained.add((step.context, step.extension))
            yield (f'The running Asterisk has {has} where {step.application} was rendered '
                   f'({step.context}, {step.extension}, {step.priority}).')
    for line in site.lines.values():
        if line.queue is not None and ('mesa-hours', line.number, 1) not in running:
            yield f'The running Asterisk has no table of hours for line {line.number}.'


def read_queues(told: str) -> dict[str, set[str]]:
    """Queue -> its members' telephones, from `queue show`."""
    found: dict[str, set[str]] = {}
    members: set[str] = set()
    for line in told.splitlines():
        if match := QUEUE.match(line):
            members = found.setdefault(match[1], set())
        elif match := MEMBER.match(line):
            members.add(match[1])
    return found


def missing_queues(running: Mapping[str, Collection[str]], site: Site) -> Iterator[str]:
    """Queues that are not there, and agents that are not in theirs."""
    for queue in site.queues:
        if queue not in running:
            yield f'The running Asterisk has no queue {queue}.'
            continue
        for agent in site.agents.values():
            if queue in agent.queues and f'PJSIP/{agent.extension}' not in running[queue]:
                yield f'The running Asterisk has no agent {agent.login} in queue {queue}.'


def missing_telephones(told: str, site: Site) -> Iterator[str]:
    """Agents, trunks and the emergency route that are not among the endpoints of `pjsip show endpoints`."""
    there = set(ENDPOINT.findall(told))
    wanted = [*(agent.extension for agent in site.agents.values()), *(f'trunk-{trunk.name}' for trunk in site.trunks), 'emergency']
    yield from (f'The running Asterisk has no telephone or trunk {name}.' for name in wanted if name not in there)
    known = {ip_network(match) for match in MATCH.findall(told)}
    for trunk in site.trunks:
        for address in trunk.addresses:
            if ip_network(address, strict=False) not in known:
                yield f'The running Asterisk does not know trunk {trunk.name} by {address}.'


def mesa_serves(root: Path, number: int, patience_s: float = MESA_PATIENCE_S) -> bool:
    """Wait until the running Mesa serves by an apply; also True when none runs, for it reads the link when it starts."""
    deadline = time.monotonic() + patience_s
    while _generation(root) not in (None, number):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)                               # Mesa looks at the link three times a second
    return True


def _generation(root: Path) -> int | None:
    """The apply by which the running Mesa serves, None when none runs; another program may have got its process number meanwhile."""
    try:
        serving = json.loads(serving_file(root).read_text())
        words = Path(f'/proc/{serving["pid"]}/cmdline').read_bytes()
    except FileNotFoundError:
        return None
    return int(serving['generation']) if b'callcenter' in words else None
