"""`mesa config check|plan|apply|undo`: from edited files to a running Asterisk (mission.md 8.1)."""
from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from callcenter.console import Complaint, print_json, say
from callcenter.reading import Reading, pass_reading
from config.problems import ConfigErrors, Problem

COLOURS = {'+': 'green', '-': 'red', '@': 'cyan'}


@click.group()
def config() -> None:
    """Check, plan, apply and undo what admins edit."""


@config.command('check')
@click.option('--site', 'folder', type=click.Path(exists=True, file_okay=False, path_type=Path), metavar='DIR',
              help='Another folder than the edited site.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def check_(reading: Reading, folder: Path | None, as_json: bool) -> None:
    """List every problem of the edited files, with file, line and key. Exit code 1 when one of them is an error."""
    from callcenter.drafts import draft_of, hidden
    folder = folder or reading.site_folder()
    try:
        problems = draft_of(folder, reading.place(), hidden, reading.today, reading.offered()).warnings
        broken = False
    except ConfigErrors as errors:
        problems, broken = errors.problems, True
    if as_json:
        print_json([as_facts(problem) for problem in problems])
    else:
        show(folder, problems)
    if broken:
        sys.exit(1)


@config.command()
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def plan(reading: Reading, as_json: bool) -> None:
    """Show what an apply would change, in the site's files and in Asterisk's. Changes nothing; passwords are never shown."""
    from callcenter.drafts import draft_of, hidden
    from callcenter.drafts import plan as lines_of
    instance = reading.instance()
    with listing_problems('An apply would be refused, for the edited files have problems'):
        new = draft_of(reading.site_folder(), instance.place, hidden, reading.today, reading.offered())
    lines = list(lines_of(instance.place, new))
    if as_json:
        print_json({'changes': bool(lines), 'diff': lines, 'warnings': [as_facts(problem) for problem in new.warnings]})
        return
    for line in lines:
        click.secho(line, fg=COLOURS.get(line[:1]))
    say('Nothing would change.' if not lines else '\nPut it in force with: mesa config apply')


@config.command('apply')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def apply_(reading: Reading, as_json: bool) -> None:
    """Put the edited files in force: rendered aside, checked, swapped whole, verified on the running Asterisk, or everything back."""
    from callcenter.apply import apply_edited
    instance = reading.instance()
    with listing_problems('Nothing was changed, for the edited files have problems'):
        done, new = apply_edited(instance)
    if as_json:
        print_json({**vars(done), 'warnings': [as_facts(problem) for problem in new.warnings]})
        return
    for problem in new.warnings:
        say(str(problem))
    if not done.changed:
        say(f'Nothing to apply: the edited files are in force already (apply {done.number}).')
        return
    say(f'Apply {done.number} is in force' + confirmed(done.verified))
    tell_what_waits(done.at_next_start)


@config.command()
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def undo(reading: Reading, as_json: bool) -> None:
    """Put what was in force before the last apply in force again. Calls in progress go on; the edited files stay as they are."""
    from callcenter.apply import undo as go_back
    done = go_back(reading.instance())
    if as_json:
        print_json(vars(done))
        return
    anew = f', rendered anew as apply {done.number}' if done.number != done.site_of else ''
    say(f'Apply {done.site_of} is in force again{anew}' + confirmed(done.verified))
    say('Your edited files are as they were: mesa config plan shows what they would change.')
    tell_what_waits(done.at_next_start)


def confirmed(verified: bool) -> str:
    """The end of a sentence about what is in force."""
    return ', verified on the running Asterisk.' if verified else '. Asterisk is not running: it reads it when it starts.'


def tell_what_waits(files: tuple[str, ...]) -> None:
    """Say which of Asterisk's files it will only read when it starts."""
    if files:
        say(f'Asterisk reads {", ".join(files)} only when it starts: mesa down, mesa up.')


@contextmanager
def listing_problems(sentence: str) -> Iterator[None]:
    """Turn ConfigErrors into a Complaint that lists them all below a sentence."""
    try:
        yield
    except ConfigErrors as errors:
        raise Complaint(f'{sentence}:\n{errors}') from None


def show(folder: Path, problems: tuple[Problem, ...]) -> None:
    """The problems for a person."""
    for problem in problems:
        click.secho(str(problem), fg='red' if problem.severity == 'error' else 'yellow')
    errors = sum(problem.severity == 'error' for problem in problems)
    say(f'{folder}: {counted(errors, "error")}, {counted(len(problems) - errors, "warning")}.' if problems else f'{folder}: no problems.')


def counted(number: int, what: str) -> str:
    """'1 error', '2 errors'."""
    return f'{number} {what}' + ('' if number == 1 else 's')


def as_facts(problem: Problem) -> dict[str, object]:
    """A problem for scripts."""
    where = problem.where
    return {'file': where.file, 'line': where.line, 'key': where.key, 'severity': problem.severity, 'message': problem.message}
