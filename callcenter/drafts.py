"""What an apply would put in force: a site's files, loaded, checked and rendered; every problem at once, nothing changed (mission.md 8.1).

    files -> read -> check what they say together, and the admin's dialplan -> render -> check the rendered dialplan -> asterisklint
"""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from difflib import unified_diff
from pathlib import Path

from callcenter import voices
from callcenter.applied import write_files
from callcenter.asterisk import Asterisk, Offered
from callcenter.console import Complaint
from callcenter.history import history
from callcenter.instance import Instance
from config.check import Known, check_reading
from config.dialplan_text import uncommented
from config.fragments import FragmentKnown, check_fragments
from config.load import read
from config.place import Place, Secrets
from config.problems import ConfigErrors, Problem
from config.render import RenderError, render
from config.rendered import rendered_problems
from config.values import Site, Where
from config.vip_cap import vips_of

SECRET = re.compile(r'^(\s*(?:secret|password)\s*=\s*).*$', re.MULTILINE)
MASK = '********'
HIDDEN = 'hidden'
NOTHING_KNOWN = Offered()

# What asterisklint says: FILE:LINE CODE: words.
LINT = re.compile(r'(?P<path>[^:]+):(?P<line>\d+) (?P<code>[A-Z]_\w+): (?P<text>.*)')
# Matters of style and blanks, and what it has not learnt to judge, keep nobody's dialplan from running.
LINT_STYLE = 'H_,I_,W_WSH_,W_WSV_,W_FILE_,W_APP_BAD_CASE,W_APP_NEED_PARENS'
# It knows the applications of Asterisk 13: a newer one is not missing, and may take other arguments.
LINT_MISSING = re.compile(r"(?:app|function) '(?P<name>\w+)' does not exist")
LINT_ARGUMENTS = ('E_APP_ARG_', 'E_FUNC_BAD_ARGS')
LINT_PATIENCE_S = 60
# The table of hours stands in a file of its own, which is written later.
HOURS_INCLUDE = re.compile(r'^#tryinclude .*mesa-hours.*$', re.MULTILINE)
HOURS_STAND_IN = '[mesa-hours]\nexten => _+X.,1,Return(stale)'


@dataclass(frozen=True)
class Draft:
    """A site's files, loaded, checked and rendered: what an apply would put in force."""

    site: Site
    folder: Path
    files: Mapping[str, str]
    warnings: tuple[Problem, ...]


def draft(instance: Instance, folder: Path | None = None) -> Draft:
    """The draft of a folder, by default of the edited files. Raises ConfigErrors with every problem; Complaint."""
    place = instance.place
    return draft_of(folder or place.edited_site, place, instance.secrets, today_of(instance), Asterisk(place).offered())


def today_of(instance: Instance) -> Callable[[Site], date]:
    """The date in a site's zone, by the instance's clock."""
    return lambda site: instance.clock(site).now().astimezone(site.zone).date()


def hidden(site: Site) -> Secrets:
    """Words in the place of passwords, for drafts that are only looked at."""
    return Secrets(HIDDEN, HIDDEN, dict.fromkeys(site.agents, HIDDEN), ami_dialer=HIDDEN, fax_modem=HIDDEN, hfaxd=HIDDEN, ami_desk=HIDDEN,
                   web_phones=dict.fromkeys(site.agents, HIDDEN))


def draft_of(folder: Path, place: Place, secrets: Callable[[Site], Secrets], today: Callable[[Site], date],
             offered: Offered = NOTHING_KNOWN) -> Draft:
    """Read, check and render a folder for an instance at `place`; raises ConfigErrors with every problem.

    `offered` is what the running Asterisk has; nothing is concluded from an empty one.
    """
    reading = read(folder)
    site = reading.site
    prompts = voices.known_prompts(place.prefix, site, folder)
    problems = check_reading(reading, Known(
        prompts=prompts, today=today(site), applications=offered.applications, vips_before=vips_in_force(place)))
    problems += voices.recording_problems(folder)
    problems += check_fragments(site.fragments, FragmentKnown(prompts, our_contexts(site), offered.applications))
    _refuse_errors(problems)
    try:
        files = render(site.on(today(site)), place, secrets(site))
    except RenderError as error:
        raise ConfigErrors([*problems, Problem(Where('site.toml', 1, 'render'), str(error))]) from error
    problems += rendered_problems(files, site, prompts) + second_opinion(files, offered)
    _refuse_errors(problems)
    return Draft(site, folder, files, tuple(sorted(problems)))


def vips_in_force(place: Place) -> dict[str, frozenset[str]]:
    """The VIPs of the site in force, client -> employee numbers; nothing before the first apply."""
    past = history(place) if place.applied.is_dir() else ()
    if not past:
        return {}
    clients = read(place.applied / str(past[-1]) / 'site').site.clients.values()
    return {client.key: frozenset(user.employee_number for user in vips_of(client)) for client in clients}


def our_contexts(site: Site) -> dict[str, frozenset[str]]:
    """The contexts and extensions that an admin's fragment may lead to."""
    return {
        'mesa-line': frozenset(site.lines), 'mesa-queue': frozenset(site.queues),
        'mesa-message': frozenset({'s'}), 'mesa-unserved': frozenset({'s'}),
        'from-agents': frozenset(agent.extension for agent in site.agents.values()) | frozenset(site.emergency.numbers),
    }


def _refuse_errors(problems: Iterable[Problem]) -> None:
    found = sorted(problems)
    if any(problem.severity == 'error' for problem in found):
        raise ConfigErrors(found)


def second_opinion(files: Mapping[str, str], offered: Offered = NOTHING_KNOWN) -> list[Problem]:
    """What asterisklint, run as a program on the rendered dialplan, has to say. Complaint when it cannot run."""
    dialplan = {name: text for name, text in files.items() if name == 'extensions.conf' or name.startswith('custom/')}
    with tempfile.TemporaryDirectory(prefix='mesa-lint-') as name:
        folder = Path(name) / 'asterisk'
        write_files(folder, {file: without_comments(HOURS_INCLUDE.sub(HOURS_STAND_IN, text)) for file, text in dialplan.items()})
        told = _run_lint(folder)
        found = (_finding(match, folder, offered) for match in map(LINT.fullmatch, told.splitlines()) if match)
        return sorted({problem for problem in found if problem})


def without_comments(text: str) -> str:
    """A dialplan without its comments, every line where it was: asterisklint reads on in a comment of several lines."""
    lines = [''] * (text.count('\n') + 1)
    for number, line in uncommented(text):
        lines[number - 1] = line
    return '\n'.join(lines)


def _run_lint(folder: Path) -> str:
    program = Path(sys.executable).with_name('asterisklint')
    try:
        done = subprocess.run([str(program), 'dialplan-check', str(folder / 'extensions.conf')], capture_output=True, text=True,
                              errors='replace', timeout=LINT_PATIENCE_S, check=False, env={**os.environ, 'ALINT_IGNORE': LINT_STYLE})
    except FileNotFoundError as error:
        raise Complaint(f'{program} is missing: run ./mesa, which installs it.') from error
    except subprocess.TimeoutExpired as error:
        raise Complaint(f'asterisklint was ended after {LINT_PATIENCE_S} s with this dialplan: shorten custom/.') from error
    if 'Traceback' in done.stderr:
        raise Complaint(f'asterisklint failed on this dialplan: {done.stderr.strip().splitlines()[-1]}')
    return done.stdout + done.stderr


def _finding(match: re.Match[str], folder: Path, offered: Offered) -> Problem | None:
    """One of its findings as a problem; None when it only does not know what our Asterisk knows."""
    code, text = match['code'], match['text']
    if missing := LINT_MISSING.match(text):
        known = {name.lower() for name in offered.applications | offered.functions}
        if not known or missing['name'].lower() in known:
            return None
    severe = code.startswith('E_') and not code.startswith(LINT_ARGUMENTS)
    where = Where(os.path.relpath(match['path'], folder), int(match['line']), code)
    return Problem(where, text, 'error' if severe else 'warning')


# -- what it would change ------------------------------------------------------------------------------------------

def plan(place: Place, new: Draft) -> Iterator[str]:
    """The lines of a unified diff from what is in force to the draft: the site's files, then Asterisk's, without any password."""
    past = history(place)
    standing = place.applied / str(past[-1]) if past else None
    yield from _diff('site', tree(standing / 'site') if standing else {}, tree(new.folder))
    old = tree(standing / 'asterisk') if standing else {}
    yield from _diff('asterisk', {name: masked(text.decode()).encode() for name, text in old.items()},
                     {name: masked(text).encode() for name, text in new.files.items()})


def _diff(folder: str, old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Iterator[str]:
    for name in sorted({*old, *new}):
        before, after = old.get(name, b''), new.get(name, b'')
        if before == after and name in old and name in new:
            continue
        if b'\0' in before + after:
            yield f'{folder}/{name} is {"new" if name not in old else "changed" if name in new else "gone"}'
            continue
        yield from unified_diff(_lines(before), _lines(after), f'in force/{folder}/{name}', f'edited/{folder}/{name}', lineterm='', n=2)


def _lines(text: bytes) -> list[str]:
    return text.decode('utf-8', 'replace').splitlines()


def masked(text: str) -> str:
    """A rendered file without its passwords."""
    return SECRET.sub(rf'\1{MASK}', text)


# -- the folder ----------------------------------------------------------------------------------------------------

@contextmanager
def snapshot(folder: Path) -> Iterator[Path]:
    """A copy of a site's folder, so that what is checked is what is applied though somebody goes on editing.

    Links stay links: one that leads out of the folder is not followed, here as there. Hidden files are an editor's own.
    """
    with tempfile.TemporaryDirectory(prefix='mesa-site-') as name:
        copy = Path(name) / 'site'
        try:
            shutil.copytree(folder, copy, symlinks=True, ignore=_not_of_the_site)
        except shutil.Error as error:
            raise Complaint(f'{folder} cannot be copied: {error.args[0][0][2]}') from error
        yield copy


def _not_of_the_site(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name.startswith('.') or not (Path(folder, name).is_file() or Path(folder, name).is_dir())}


def tree(folder: Path) -> dict[str, bytes]:
    """The files below a folder, by their names relative to it; hidden ones left out."""
    files = (file for file in folder.rglob('*') if file.is_file())
    names = {str(file.relative_to(folder)): file for file in files}
    return {name: file.read_bytes() for name, file in sorted(names.items()) if not any(part.startswith('.') for part in Path(name).parts)}
