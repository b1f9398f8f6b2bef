"""Messages that wait for a person: somebody hears of them, in hours and not too often, and none waits for ever (mission.md 1.5, 4.8)."""
from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from config.values import Agent, Site
from storage.engine import Database
from tests.mail_samples import HELP, KEY, NOW, STRANGER, TO_HELP, letter, site_with_mail
from ticketing.mail.held import QUARANTINE_DAYS, HeldMail, listeners
from ticketing.mail.intake import MailIn
from ticketing.mail.letters import letter as written
from ticketing.mail.outbox import Outbox
from ticketing.mail.postman import Postman
from ticketing.mail.reader import Envelope
from ticketing.tables import outbox
from ticketing.values import Intake

HOUR = timedelta(hours=1)
NIGHT = NOW + 14 * HOUR
UNKNOWN = Envelope(STRANGER, ('mesa@mesa.example',))


class Books:
    """A mail door, what waits there, and who is told."""

    def __init__(self, db: Database, folder: Path) -> None:
        self.db = db
        self.folder = folder / 'mail-in'
        self.folder.mkdir()
        self.site = with_supervisors(site_with_mail(unlisted='verify'))
        self.mail = MailIn(db, lambda: self.site, self.folder, folder / 'attachments', KEY)
        self.held = HeldMail(db, lambda: self.site, self.folder)

    def stranger(self, words: str, now: datetime = NOW, envelope: Envelope = Envelope(STRANGER, (HELP,))) -> None:
        self.mail.take(letter(words, sender=STRANGER, to=envelope.recipients[0], subject=words), envelope)
        self.mail.round(now)

    def told(self) -> list[tuple[str, str | None, str]]:
        with self.db.read() as connection:
            rows = connection.execute(select(outbox.c.recipient, outbox.c.client, outbox.c.payload).order_by(outbox.c.id))
            return [(row.recipient, row.client, row.payload['text']) for row in rows]

    def quarantine(self) -> list[str]:
        return [file.stem for file in (self.folder / 'quarantine').glob('*.eml')]


def with_supervisors(site: Site) -> Site:
    """One supervisor for each client's queues, and none besides."""
    first = next(iter(site.agents.values()))

    def one(key: str) -> Agent:
        queues = tuple(name for name, queue in site.queues.items() if queue.client == key)
        return replace(first, login=f'jefe-{key}', email=f'jefe-{key}@mesa.example', supervisor=True, queues=queues)
    return replace(site, agents={f'jefe-{key}': one(key) for key in ('nopalera', 'quetzal')})


@pytest.fixture
def books(db: Database, tmp_path: Path) -> Books:
    return Books(db, tmp_path)


def test_the_clients_supervisor_hears_of_a_message_that_waits(books: Books) -> None:
    books.stranger('Necesito ayuda')
    assert books.held.tell(NOW) == 1
    (recipient, client, text), = books.told()
    assert (recipient, client) == ('jefe-nopalera@mesa.example', 'nopalera')
    assert 'Un correo espera' in text and f'{STRANGER}: Necesito ayuda' in text
    assert books.held.tell(NOW + 3 * HOUR) == 0                        # the same message is told once


def test_of_a_message_that_belongs_to_no_client_every_supervisor_hears(books: Books) -> None:
    books.stranger('¿De quién soy?', envelope=UNKNOWN)
    assert books.held.tell(NOW) == 2
    assert {client for _, client, _ in books.told()} == {None}
    assert [agent.login for agent in listeners(books.site, None)] == ['jefe-nopalera', 'jefe-quetzal']


def test_at_most_one_notice_an_hour_for_each_client_and_nothing_is_forgotten(books: Books) -> None:
    books.stranger('uno')
    books.held.tell(NOW)
    books.stranger('dos', NOW + timedelta(minutes=5))
    books.stranger('tres', NOW + timedelta(minutes=6))
    assert books.held.tell(NOW + timedelta(minutes=59)) == 0
    books.stranger('otro', NOW + timedelta(minutes=59), UNKNOWN)
    assert books.held.tell(NOW + timedelta(minutes=59)) == 2           # another client's mail waits for no hour of this one
    assert books.held.tell(NOW + HOUR) == 1
    text = books.told()[-1][2]
    assert text.startswith('2 correos esperan') and 'dos' in text and 'tres' in text and 'uno' not in text and 'En total hay 3' in text


def test_what_was_decided_meanwhile_is_not_told(books: Books) -> None:
    books.stranger('uno')
    row, = books.mail.list()
    books.mail.reject(row.id, 'ana', NOW)
    assert books.held.tell(NOW) == 0


def test_a_notice_is_held_to_the_hours_of_the_client_even_without_a_folio(books: Books, tmp_path: Path) -> None:
    books.stranger('de noche', NIGHT)
    books.stranger('de nadie', NIGHT, UNKNOWN)
    assert books.held.tell(NIGHT) == 3
    assert Outbox(books.db).claim(NIGHT, NIGHT, 60.0) == ()
    with books.db.write() as connection:
        connection.execute(outbox.update().values(due=NIGHT))          # it closed meanwhile
    clock = [NIGHT]
    postman = Postman(books.db, lambda: books.site, KEY, lambda: clock[0], lambda: datetime.now(UTC), tmp_path / 'maildir')
    assert postman.round() == 0
    clock[0] = NIGHT + 8 * HOUR
    assert postman.round() == 3


def test_the_notice_is_a_letter_without_a_folio(books: Books) -> None:
    books.stranger('<b>Hola</b> {{ 7 * 7 }}')
    books.held.tell(NOW)
    row, = Outbox(books.db).claim(NOW, NOW, 60.0)
    message = written(row, books.site, KEY, 'https://mesa.example', NOW)
    text, html = (message.get_body((kind,)).get_content() for kind in ('plain', 'html'))      # type: ignore[union-attr]
    assert 'folio' not in message['Subject'].lower() and message['Reply-To'] is None
    assert '<b>Hola</b> {{ 7 * 7 }}' in text and '&lt;b&gt;Hola&lt;/b&gt; {{ 7 * 7 }}' in html
    assert 'en este folio' not in text + html


def test_nobody_decides_and_the_message_goes_after_its_days(books: Books) -> None:
    books.stranger('uno')
    books.stranger('otro', NOW + timedelta(days=2))
    assert books.held.expire(NOW + timedelta(days=QUARANTINE_DAYS) - HOUR) == 0
    assert books.held.expire(NOW + timedelta(days=QUARANTINE_DAYS)) == 1
    later, first = books.mail.list()
    assert (first.outcome, first.settled_by) == (Intake.IGNORED, 'mesa')
    assert books.quarantine() == [later.sha256]


def test_a_file_whose_message_was_settled_goes_too(books: Books) -> None:
    books.stranger('uno')
    row, = books.mail.list()
    file = books.folder / 'quarantine' / f'{row.sha256}.eml'
    content = file.read_bytes()
    books.mail.accept(row.id, 'ana', NOW)
    file.write_bytes(content)                          # as a kill between the books and the disk leaves it
    (books.folder / 'quarantine' / f'{"0" * 64}.eml').write_bytes(b'nobody knows it')
    books.held.expire(NOW)
    assert books.quarantine() == ['0' * 64]            # it may be of a database that was restored
    os.utime(books.folder / 'quarantine' / f'{"0" * 64}.eml', (0, 0))
    books.held.expire(NOW)
    assert books.quarantine() == []


def test_the_listed_client_is_still_served(books: Books) -> None:
    books.mail.take(letter(), TO_HELP)
    books.mail.round(NOW)
    assert books.held.tell(NOW) == 0
