"""`mesa config check|plan|apply|undo`: from edited files to a running Asterisk (mission.md 8.1)."""
from __future__ import annotations

import sys
from pathlib import Path

import click

from callcenter.console import Complaint, print_json, say
from callcenter.instance import Instance
from callcenter.reading import Reading, pass_reading
from config.problems import ConfigErrors, Problem


@click.group()
def config() -> None:
    """Check, plan, apply and undo what admins edit."""


@config.command('check')
@click.option('--site', 'folder', type=click.Path(exists=True, file_okay=False, path_type=Path), help='Another folder than the edited site.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def check_(reading: Reading, folder: Path | None, as_json: bool) -> None:
    """List every problem of the edited files, with file, line and key. Exit code 1 when one of them is an error."""
    from callcenter.apply import problems_of
    from callcenter.provision import asterisk_prefix
    folder = folder or reading.site_folder()
    _, problems = problems_of(folder, asterisk_prefix(), lambda site: reading.now(site).astimezone(site.zone).date())
    if as_json:
        print_json([as_facts(p) for p in problems])
    else:
        show(folder, problems)
    if any(p.severity == 'error' for p in problems):
        sys.exit(1)


@config.command()
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def plan(reading: Reading, as_json: bool) -> None:
    """Show what an apply would change in Asterisk's files. Changes nothing."""
    from callcenter.apply import draft
    from callcenter.apply import plan as lines_of
    instance = reading.instance()
    lines = list(lines_of(instance, drafted(instance, draft)))
    if as_json:
        print_json(lines)
        return
    if not lines:
        say('Nothing would change.')
    for line in lines:
        colour = {'+': 'green', '-': 'red', '@': 'cyan'}.get(line[:1])
        click.secho(line, fg=colour)


@config.command('apply')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def apply_(reading: Reading, as_json: bool) -> None:
    """Put the edited files in force: rendered aside, checked, swapped whole, verified on the running Asterisk, or everything back."""
    from callcenter.apply import apply, draft
    instance = reading.instance()
    new = drafted(instance, draft)
    done = apply(instance, new)
    if as_json:
        print_json({'applied': done.number, 'verified': done.verified, 'warnings': [as_facts(p) for p in new.warnings]})
        return
    for problem in new.warnings:
        say(str(problem))
    say(f'Apply {done.number} is in force' + (', verified on the running Asterisk.' if done.verified else '; Asterisk is not running.'))


@config.command()
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def undo(reading: Reading, as_json: bool) -> None:
    """Put what was in force before the last apply in force again. Calls in progress go on; the edited files stay as they are."""
    from callcenter.apply import undo as go_back
    done = go_back(reading.instance())
    if as_json:
        print_json({'applied': done.number, 'verified': done.verified})
    else:
        say(f'Apply {done.number} is in force again; your edited files are as they were.')


def drafted(instance: Instance, draft: object) -> object:
    """A draft of the edited files, or a Complaint that lists what is wrong with them."""
    assert callable(draft)
    try:
        return draft(instance)
    except ConfigErrors as errors:
        lines = '\n'.join(str(p) for p in errors.problems)
        raise Complaint(f'Nothing was changed, for the edited files have problems:\n{lines}', 1) from None


def show(folder: Path, problems: list[Problem]) -> None:
    """The problems for a person."""
    for problem in problems:
        click.secho(str(problem), fg='red' if problem.severity == 'error' else 'yellow')
    errors = sum(p.severity == 'error' for p in problems)
    say(f'{folder}: {errors} error(s), {len(problems) - errors} warning(s).' if problems else f'{folder}: no problems.')


def as_facts(problem: Problem) -> dict[str, object]:
    """A problem for scripts."""
    where = problem.where
    return {'file': where.file, 'line': where.line, 'key': where.key, 'severity': problem.severity, 'message': problem.message}
