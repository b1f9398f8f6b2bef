"""`mesa privacy export|erase`: what is held about a person, for himself, and its erasure on request (mission.md 4.1)."""
from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from callcenter.console import Complaint, print_json, say
from callcenter.expiring import folders_of
from callcenter.personal_data import LogsAbout, calls_of, eraser_of, export_of, faxes_of, lines_of_lists, logs_about
from callcenter.reading import Reading, pass_reading
from config.values import Client, Site
from fax.privacy import log_handed_over
from ticketing.privacy.access import log_access
from ticketing.privacy.export import write_export
from ticketing.privacy.held import Held

by = click.option('--by', metavar='LOGIN', default=getpass.getuser, show_default='the system user', help='Who does it.')
client_key = click.option('--client', 'key', required=True, metavar='KEY', help='The client whose user it is.')


@click.group()
def privacy() -> None:
    """What is held about a person: export and erasure (ARCO)."""


@privacy.command()
@click.argument('user')
@client_key
@click.option('--to', 'target', required=True, type=click.Path(dir_okay=False, path_type=Path), help='The new ZIP.')
@by
@pass_reading
def export(look: Reading, user: str, key: str, target: Path, by: str) -> None:
    """Write everything that is held about USER into a ZIP: a page in Spanish, JSON, and the files.

    USER is an employee number, an e-mail address or a telephone.
    """
    site = look.site()
    client = client_of(site, key)
    now = look.now(site)
    with look.database() as database:
        eraser = eraser_of(look.place(), database, look.instance().secrets(site).mail_key, look.site)
        held = eraser.look(client, user)
        faxes = faxes_of(database, held)
        found = export_of(look.place(), database, held, faxes, client, now, site.zone)
        with database.write() as connection:
            kept = [file for file in held.files if file.deleted_at is None]
            log_access(connection, kept, by, 'entrega al propio titular (ARCO)', now)
            log_handed_over(connection, faxes, by, now)
        missing = write_export(target, found, folders_of(look.place()))
    for name in missing:
        say(f'Not on the disk, so not in the ZIP: {name}')
    say(f'{target}: {in_words(held)}, {len(found.elsewhere["calls"])} calls. Only you can read it; hand it to the person and delete it.')


@privacy.command()
@click.argument('user')
@client_key
@by
@click.option('--reason', required=True, metavar='TEXT', help='Why: the request, its date. Without the name.')
@click.option('--open-too', is_flag=True, help='Also folios that still need work; nobody can then call or write to the person about them.')
@click.option('--yes', is_flag=True, help='Do not ask.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts; needs --yes.')
@pass_reading
def erase(look: Reading, user: str, key: str, by: str, reason: str, open_too: bool, yes: bool, as_json: bool) -> None:
    """Erase what identifies USER and what he wrote; folios stay for the statement, without him.

    USER is an employee number, an e-mail address or a telephone.
    """
    site = look.site()
    client = client_of(site, key)
    place = look.place()
    if as_json and not yes:
        raise Complaint('--json asks nothing, so it needs --yes.')
    with look.database() as database:
        eraser = eraser_of(place, database, look.instance().secrets(site).mail_key, look.site)
        held = eraser.look(client, user)
        if not yes:
            faxes = faxes_of(database, held)
            ask(held, len(calls_of(database, held)), len(faxes.received) + len(faxes.sent), open_too)
        erased = eraser.erase(client, user, by=by, reason=reason, now=look.now(site), machine_now=datetime.now(UTC), open_too=open_too)
    lists = lines_of_lists(place, client.key, held.subject)
    logs = logs_about(place, held.subject.mentions)
    if as_json:
        print_json({'erased': dict(erased.counts), 'lists': lists, 'logs': [str(file) for file in logs.files]})
        return
    tell(dict(erased.counts), lists, logs)


def ask(held: Held, calls: int, faxes: int, open_too: bool) -> None:
    """Show what will go, and ask. Ends the command when the answer is no."""
    say(f'{held.subject.client}: {in_words(held)}, {calls} calls, {faxes} faxes.')
    if held.open_folios:
        allowed = 'they will be erased, too' if open_too else 'they need his data: close them first, or use --open-too'
        say(f'Still open: {", ".join(held.open_folios)} ({allowed}).')
    say('What identifies the person and what he wrote will go for good; numbers, times, states, categories and priorities of folios stay.')
    click.confirm('Erase it?', abort=True)


def tell(counts: dict[str, int], lists: list[str], logs: LogsAbout) -> None:
    """Say what went, and what only a person can remove."""
    gone = ', '.join(f'{count} {name.replace("_", " ")}' for name, count in counts.items())
    say(f'Erased: {gone or "nothing was left to erase"}.')
    if lists:
        say("Still in the admin's own files. Remove these lines, then `mesa config apply`, or the next import brings him back:")
        for line in lists:
            say(f'  {line}')
    if logs.files:
        say('Still in files that other programs wrote; they go when those logs are rotated away, or delete them while Mesa is down:')
        for file in logs.files:
            say(f'  {file}')


def in_words(held: Held) -> str:
    """'3 folios, 12 folio entries, ...'."""
    return ', '.join(f'{count} {name.replace("_", " ")}' for name, count in held.counts.items()) or 'nothing in the books'


def client_of(site: Site, key: str) -> Client:
    """The client of this key. Complaint when there is none."""
    found: Any = site.clients.get(key)
    if found is None:
        raise Complaint(f'No client is called {key!r}. There are: {", ".join(site.clients)}')
    assert isinstance(found, Client)
    return found
