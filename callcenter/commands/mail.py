"""`mesa mail`: the e-mail that came in, and what a person decides about it."""
from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from callcenter.commands.folio_moves import by
from callcenter.commands.mail_preview import preview
from callcenter.console import Complaint, print_json, say
from callcenter.mailing import mail_in_of
from callcenter.reading import Reading, pass_reading
from config.values import Site
from ticketing.mail.intake import MailIn
from ticketing.mail.reader import Envelope, Letter, Unreadable
from ticketing.mail.rows import MessageIn
from ticketing.values import Intake

PATIENCE_S = 15.0


@click.group()
def mail() -> None:
    """The e-mail that came in: look, accept, reject, take a file; and preview what goes out."""


mail.add_command(preview)


@contextmanager
def _opened(reading: Reading) -> Iterator[tuple[MailIn, Site, datetime]]:
    site = reading.site()
    with reading.database() as database:
        yield mail_in_of(reading.instance(), database, lambda: site), site, reading.now(site)


@mail.command('list')
@click.option('--outcome', type=click.Choice([str(outcome) for outcome in Intake]), help='Only what became this.')
@click.option('--limit', type=click.IntRange(1, 100_000), default=50, show_default=True, help='At most so many, the newest first.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def list_(reading: Reading, outcome: str | None, limit: int, as_json: bool) -> None:
    """List the messages that came in, the newest first."""
    with _opened(reading) as (box, site, _):
        found = box.list(Intake(outcome) if outcome else None, limit)
    if as_json:
        print_json([facts_of(message) for message in found])
        return
    if not found:
        say('No message came in yet.' if outcome is None else 'No message matches.')
        return
    say(f'{"id":<7}{"received":<18}{"outcome":<13}{"folio":<11}{"sender":<34}subject')
    for message in found:
        local = message.received_at.astimezone(site.zone)
        say(f'{message.id:<7}{local:%Y-%m-%d %H:%M}  {_state(message):<13}{message.folio or "-":<11}{message.sender[:32]:<34}'
            f'{message.subject[:60]}')


@mail.command()
@click.argument('message', type=int)
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def show(reading: Reading, message: int, as_json: bool) -> None:
    """Show one message, and its words while it waits for a person."""
    with _opened(reading) as (box, site, _):
        found = box.get(message)
        letter = box.letter(found) if found else None
    if found is None:
        raise Complaint(f'There is no message {message}. See: mesa mail list')
    facts = {**facts_of(found), **_words(letter)}
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        shown = f'{datetime.fromisoformat(value).astimezone(site.zone):%Y-%m-%d %H:%M:%S}' if value and name.endswith('_at') else value
        say(f'{name.replace("_", " "):>14}  {"-" if shown is None else shown}')


@mail.command()
@click.argument('message', type=int)
@by
@click.option('--client', help='Whose it is, for a message that names no client.')
@pass_reading
def accept(reading: Reading, message: int, by: str, client: str | None) -> None:
    """Open the folio of a message that waits for a person."""
    with _opened(reading) as (box, _, now):
        settled = box.accept(message, by, now, client)
    say(f'Message {message} opened folio {settled.folio}.')


@mail.command()
@click.argument('message', type=int)
@by
@pass_reading
def reject(reading: Reading, message: int, by: str) -> None:
    """Let a message go that waits for a person."""
    with _opened(reading) as (box, _, now):
        box.reject(message, by, now)
    say(f'Message {message} was rejected; its file is gone.')


@mail.command()
@click.argument('file', type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option('--to', 'recipients', multiple=True, help='A recipient of the envelope; those of the headers count as well.')
@click.option('--sender', help='The sender of the envelope; "" for the null sender.')
@pass_reading
def take(reading: Reading, file: Path, recipients: tuple[str, ...], sender: str | None) -> None:
    """Bring in a message from a file (.eml), as if it had come by the door."""
    with _opened(reading) as (box, _, now):
        sha256 = box.take(file.read_bytes(), Envelope(sender, recipients))
        deadline = time.monotonic() + PATIENCE_S
        while box.waits(sha256) and time.monotonic() < deadline:
            if not box.round(now):
                time.sleep(0.1)                        # the worker has it in hand
        waits, found = box.waits(sha256), box.of_digest(sha256)
    if found is None:
        say('The message waits for the worker.' if waits else 'The same message is in the books already. See: mesa mail list')
        return
    say(f'Message {found.id}: {_state(found)}{f", folio {found.folio}" if found.folio else ""} ({found.reason})')


def facts_of(message: MessageIn) -> dict[str, Any]:
    """A message for people and scripts; times are UTC, ISO 8601."""
    return {
        'id': message.id, 'message_id': message.message_id, 'received_at': message.received_at.isoformat(), 'outcome': str(message.outcome),
        'reason': message.reason, 'client': message.client, 'folio': message.folio, 'sender': message.sender, 'subject': message.subject,
        'settled_at': message.settled_at.isoformat() if message.settled_at else None, 'settled_by': message.settled_by,
        'sha256': message.sha256}


def _words(letter: Letter | Unreadable | None) -> dict[str, Any]:
    if not isinstance(letter, Letter):
        return {}
    return {'sender_name': letter.sender_name, 'to': ', '.join(letter.recipients), 'text': letter.text,
            'attachments': ', '.join(f'{file.title} ({file.kind}, {len(file.data)} bytes)' for file in letter.attachments)}


def _state(message: MessageIn) -> str:
    return 'rejected' if message.outcome is Intake.IGNORED and message.settled_by else str(message.outcome)
