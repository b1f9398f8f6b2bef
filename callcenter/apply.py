"""From edited files to a running Asterisk: check, plan, apply, undo (mission.md 8.1).

    file -> load -> check all (all problems at once, nothing changed) -> render aside -> check the rendered dialplan
         -> switch the link `applied/current` -> reload -> verify on the running Asterisk and Mesa -> or everything back

Calls in progress are not touched: a reload changes what the next call meets.
"""
from __future__ import annotations

import difflib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from callcenter import voices
from callcenter.applied import applied_files, applied_number, lay_down, switch_to, write_files
from callcenter.asterisk import Asterisk
from callcenter.console import Complaint
from callcenter.hours_table import current_tables, write_hours
from callcenter.instance import Instance
from config.check import Known, check_reading
from config.fragments import FragmentKnown, check_fragments
from config.load import load, read
from config.phones import spellings
from config.problems import ConfigErrors, Problem
from config.render import render
from config.rendered import rendered_problems
from config.values import Site, Where
from storage.engine import Database
from ticketing.users import import_users

SECRET = re.compile(r'^(\s*(?:secret|password)\s*=\s*).*$', re.MULTILINE)
PATIENCE_S = 20.0


class ApplyFailed(Complaint):
    """What was rendered did not stand its trial; what was in force before is in force again."""


@dataclass(frozen=True)
class Draft:
    """Edited files, loaded, checked and rendered: what an apply would put in force."""

    site: Site
    folder: Path
    files: Mapping[str, str]
    warnings: tuple[Problem, ...]


@dataclass(frozen=True)
class Applied:
    """What an apply or an undo did: its number, and whether a running Asterisk and Mesa have confirmed it."""

    number: int
    verified: bool


def problems_of(folder: Path, prefix: Path, today: Callable[[Site], date], applications: frozenset[str] = frozenset()) -> tuple[Site, list[Problem]]:
    """The site of a folder as far as it can be read, and everything wrong with it, in one go.

    `applications` are those of the running Asterisk; empty: not known.
    """
    reading = read(folder)
    site = reading.site
    prompts = voices.known_prompts(prefix, site, folder)
    problems = check_reading(reading, Known(prompts=prompts, today=today(site), applications=applications))
    problems += voices.recording_problems(folder)
    problems += check_fragments(site.fragments, FragmentKnown(prompts=prompts, contexts=our_contexts(site), applications=applications))
    return site, sorted(problems)


def our_contexts(site: Site) -> dict[str, frozenset[str]]:
    """The contexts and extensions that an admin's fragment may lead to."""
    return {
        'mesa-line': frozenset(site.lines), 'mesa-queue': frozenset(site.queues),
        'mesa-message': frozenset({'s'}), 'mesa-unserved': frozenset({'s'}),
        'from-agents': frozenset(a.extension for a in site.agents.values()) | frozenset(site.emergency.numbers),
    }


def draft(instance: Instance, folder: Path | None = None) -> Draft:
    """Load, check and render the edited files. Raises ConfigErrors with every problem; nothing is changed."""
    folder = folder or instance.place.edited_site
    site, problems = problems_of(folder, instance.place.prefix, lambda s: instance.clock(s).now().astimezone(s.zone).date(),
                                 Asterisk(instance.place).applications())
    if any(p.severity == 'error' for p in problems):
        raise ConfigErrors(problems)
    files = render(site, instance.place, instance.secrets(site))
    broken = rendered_problems(files, site, voices.known_prompts(instance.place.prefix, site, folder)) or second_opinion(files)
    if broken:
        raise ConfigErrors(broken)
    return Draft(site, folder, files, tuple(p for p in problems if p.severity == 'warning'))


LINT_LINE = re.compile(r'(?P<path>[^:]+):(?P<line>\d+) (?P<code>[EWHIN]_\w+): (?P<text>.*)')
# Classes of asterisklint that say nothing about a mistake: the dialplan's table of hours is another file, and it knows fewer applications than Asterisk 22.
HOURS_INCLUDE = re.compile(r'^#tryinclude .*mesa-hours.*$', re.MULTILINE)
HOURS_STAND_IN = '[mesa-hours]\nexten => _+X.,1,Return(stale)'
LINT_IGNORED = 'W_APP_MISSING,W_FUNC_MISSING,H_CONF_HAS_QUOTES,W_WSH_VARSET'


def second_opinion(files: Mapping[str, str]) -> list[Problem]:
    """What asterisklint, run as a program on the rendered files, has to say."""
    with tempfile.TemporaryDirectory(prefix='mesa-lint-') as name:
        folder = Path(name)
        write_files(folder / 'asterisk', {name: HOURS_INCLUDE.sub(HOURS_STAND_IN, text) for name, text in files.items()})
        done = subprocess.run([str(Path(sys.executable).with_name('asterisklint')), 'dialplan-check', str(folder / 'asterisk/extensions.conf')],
                              capture_output=True, text=True, timeout=60, check=False, env={**os.environ, 'ALINT_IGNORE': LINT_IGNORED})
    told = [LINT_LINE.match(line) for line in (done.stdout + done.stderr).splitlines()]
    return [Problem(Where(Path(m['path']).name, int(m['line']), m['code']), m['text']) for m in told if m]


def plan(instance: Instance, new: Draft) -> Iterator[str]:
    """The lines of a unified diff from what is in force to the draft; passwords are never shown."""
    old = applied_files(instance.place) if applied_number(instance.place) is not None else {}
    for name in sorted({*old, *new.files}):
        before, after = masked(old.get(name, '')), masked(new.files.get(name, ''))
        yield from difflib.unified_diff(before.splitlines(), after.splitlines(), f'in force/{name}', f'edited/{name}', lineterm='', n=2)


def masked(text: str) -> str:
    """A rendered file without its passwords."""
    return SECRET.sub(r'\1********', text)


def apply(instance: Instance, new: Draft) -> Applied:
    """Put a draft in force; raises ApplyFailed, with everything as before, when the running Asterisk does not take it."""
    before = applied_number(instance.place)
    voices.lay_out_sounds(instance.place.prefix, instance.place.share, new.site, new.folder)
    number = lay_down(instance.place, new.folder, new.files)
    switch_to(instance.place, number)
    try:
        verified = trial(instance, new.site, number)
    except Complaint as error:
        if before is not None:
            put_back(instance, before)
        raise ApplyFailed(f'Not applied: {error} What was in force before is in force again; applied/{number} keeps what was refused.') from error
    remember(instance, number)
    keep_users(instance, new.site)
    return Applied(number, verified)


def undo(instance: Instance) -> Applied:
    """Put what was in force before the last apply in force again. The edited files stay as they are. Complaint when there is nothing to undo."""
    past = history(instance)
    if len(past) < 2:
        raise Complaint('Nothing to undo: there was only one apply.', 1)
    here, back = past[-1], past[-2]
    site = load(instance.place.applied / str(back) / 'site')
    voices.lay_out_sounds(instance.place.prefix, instance.place.share, site, instance.place.applied / str(back) / 'site')
    switch_to(instance.place, back)
    try:
        verified = trial(instance, site, back)
    except Complaint as error:
        put_back(instance, here)
        raise ApplyFailed(f'Not undone: {error} Apply {here} stays in force.') from error
    write_history(instance, past[:-1])
    keep_users(instance, site)
    return Applied(back, verified)


def put_back(instance: Instance, number: int) -> None:
    """Lead Asterisk and Mesa back to an earlier apply, without asking whether they like it."""
    site = load(instance.place.applied / str(number) / 'site')
    voices.lay_out_sounds(instance.place.prefix, instance.place.share, site, instance.place.applied / str(number) / 'site')
    switch_to(instance.place, number)
    asterisk = Asterisk(instance.place)
    if asterisk.is_running():
        reload(instance, asterisk, site)


def trial(instance: Instance, site: Site, number: int) -> bool:
    """Reload and look whether the running Asterisk and Mesa have what was rendered; False when neither runs. Raises Complaint."""
    asterisk = Asterisk(instance.place)
    if not asterisk.is_running():
        return False
    reload(instance, asterisk, site)
    for complaint in missing_parts(asterisk, site):
        raise Complaint(complaint)
    wait_for_mesa(instance.root, number)
    return True


RELOADS = ('dialplan reload', 'module reload res_pjsip.so', 'queue reload all', 'moh reload', 'manager reload', 'logger reload')


def reload(instance: Instance, asterisk: Asterisk, site: Site) -> None:
    """Make the running Asterisk read its files again."""
    write_hours(instance.place, current_tables(instance, site, instance.clock(site).now()))
    for command in RELOADS:
        asterisk.command(command)


def missing_parts(asterisk: Asterisk, site: Site) -> Iterator[str]:
    """What the running Asterisk should have after a reload and has not."""
    dialplan = asterisk.command('dialplan show from-trunk') + asterisk.command('dialplan show mesa-fallback')
    for number in site.lines:
        for spelling in (*spellings(number), number):
            if f"'{spelling}'" not in dialplan:
                yield f'the running Asterisk has no extension {spelling} for line {number}.'
    for queue in site.queues:
        if 'No such queue' in asterisk.command(f'queue show {queue}'):
            yield f'the running Asterisk has no queue {queue}.'
    endpoints = asterisk.command('pjsip show endpoints')
    wanted = [a.extension for a in site.agents.values()] + [f'trunk-{t.name}' for t in site.trunks]
    for name in wanted:
        if not re.search(rf'Endpoint:\s+{re.escape(name)}[/ ]', endpoints):
            yield f'the running Asterisk has no telephone {name}.'


def wait_for_mesa(root: Path, number: int) -> None:
    """Wait until the running Mesa serves by this apply. Complaint when it does not in time."""
    state = root / 'run' / 'serving.json'
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        serving = json.loads(state.read_text()) if state.exists() else None
        if serving is None or not Path(f'/proc/{serving["pid"]}').exists():
            return                                     # Mesa is down: it reads the link when it starts
        if serving['generation'] == number:
            return
        time.sleep(0.05)
    raise Complaint(f'Mesa did not take apply {number} within {PATIENCE_S:.0f} s: see log/mesa.log.')


def keep_users(instance: Instance, site: Site) -> None:
    """Bring the stored users up to date with the clients' lists (mission.md 1.4)."""
    now = instance.clock(site).now()
    database = Database(instance.database_url, patience_s=10.0)
    try:
        for client in site.clients.values():
            import_users(database, client.key, client.users, now)
    finally:
        database.close()


def history(instance: Instance) -> list[int]:
    """The numbers of the applies that led here, the one in force last."""
    file = instance.place.applied / 'history'
    return [int(n) for n in file.read_text().split()] if file.exists() else []


def remember(instance: Instance, number: int) -> None:
    write_history(instance, [*history(instance), number])


def write_history(instance: Instance, numbers: list[int]) -> None:
    file = instance.place.applied / 'history'
    aside = file.with_suffix('.new')
    aside.write_text(' '.join(map(str, numbers)) + '\n')
    aside.replace(file)
