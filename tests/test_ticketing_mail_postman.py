"""The postman: hours at the moment of sending, the Maildir, letters that cannot be written, bounces."""
from __future__ import annotations

import mailbox
import os
import resource
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from config.load import load
from config.values import Agent, Site
from storage.engine import Database
from tests.outbox_rows import NOW, a_folio, posted
from tests.site_copies import EXAMPLE
from ticketing.folios import FolioBook
from ticketing.mail.bounces import bounced
from ticketing.mail.maildir import Maildir
from ticketing.mail.outbox import Outbox
from ticketing.mail.postman import Postman
from ticketing.mail.smtp import Outcome
from ticketing.tables import folios, outbox
from ticketing.values import EntryKind, Sending

MACHINE = datetime(2030, 1, 1, tzinfo=UTC)
NIGHT = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)       # Tuesday 22:00 in Mexico City
MORNING = datetime(2026, 11, 25, 14, 0, tzinfo=UTC)    # Wednesday 08:00, the opening
SITE = load(EXAMPLE)


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def a_postman(db: Database, folder: Path, clock: Clock, site: Site = SITE) -> Postman:
    return Postman(db, lambda: site, 'key', clock, lambda: MACHINE, folder)


def in_maildir(folder: Path) -> list[Any]:
    return list(mailbox.Maildir(folder, create=False)) if folder.exists() else []


def test_without_a_server_letters_are_files_of_a_maildir(db: Database, tmp_path: Path) -> None:
    folder = tmp_path / 'maildir'
    posted(db, number=a_folio(db))
    assert a_postman(db, folder, Clock(NOW)).round() == 1
    message, = in_maildir(folder)
    assert (message['To'], message['Message-ID']) == ('ana@nopalera.example', '<update.1@mesa.example>')
    assert message['Return-Path'] == '<mesa@mesa.example>'
    assert [oct(file.stat().st_mode)[-3:] for file in (folder / 'new').iterdir()] == ['600']
    assert Outbox(db).list([Sending.SENT])


def test_a_line_that_closed_meanwhile_holds_the_letter_until_it_opens(db: Database, tmp_path: Path) -> None:
    """It was due in open hours, and the server came back at night: nobody gets mail at night."""
    id_ = posted(db, number=a_folio(db))
    clock = Clock(NIGHT)
    postman = a_postman(db, tmp_path / 'maildir', clock)
    assert postman.round() == 0
    assert (Outbox(db).get(id_).due, Outbox(db).get(id_).tries) == (MORNING, 0)
    clock.now = MORNING - timedelta(seconds=1)
    assert postman.round() == 0
    clock.now = MORNING
    assert postman.round() == 1
    assert len(in_maildir(tmp_path / 'maildir')) == 1


def test_what_may_leave_at_night_does(db: Database, tmp_path: Path) -> None:
    number = a_folio(db)
    posted(db, 'a', number=number, held=False)
    posted(db, 'b')                                    # about no folio: the hours of its client's line
    posted(db, 'c', number=number)
    assert a_postman(db, tmp_path / 'maildir', Clock(NIGHT)).round() == 1


def test_a_letter_that_does_not_fit_the_disk_leaves_no_half(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        delivery = Maildir(tmp_path / 'box').deliver('a@x.example', 'b@x.example', '<1@x.example>', b'x' * 20_000, lambda: True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (delivery.outcome, delivery.server_trouble) == (Outcome.LATER, True)
    assert [file for file in (tmp_path / 'box').rglob('*') if file.is_file()] == []


def test_the_same_letter_laid_down_twice_is_one_file(tmp_path: Path) -> None:
    box = Maildir(tmp_path / 'box')

    def put() -> Outcome:
        return box.deliver('a@x.example', 'b@x.example', '<1@x.example>', b'Subject: x\r\n\r\nx\r\n', lambda: True).outcome
    assert [put(), put()] == [Outcome.ACCEPTED] * 2
    read = mailbox.Maildir(tmp_path / 'box')
    key, = read.keys()
    message = read[key]
    message.set_subdir('cur')
    message.set_flags('S')
    read[key] = message                                # a mail program moved it
    assert put() is Outcome.ACCEPTED
    assert [file.parent.name for file in (tmp_path / 'box').rglob('*.mesa*')] == ['cur']


@pytest.mark.parametrize('step', ['fsync', 'rename'])
def test_killed_while_it_lays_a_letter_down(db: Database, tmp_path: Path, step: str) -> None:
    posted(db)
    folder = tmp_path / 'maildir'
    killed_at(step, lambda: a_postman(db, folder, Clock(NOW)).round())
    assert Outbox(db).list([Sending.SENDING])
    later = Postman(db, lambda: SITE, 'key', Clock(NOW), lambda: MACHINE + timedelta(hours=1), folder)
    assert later.round() == 1
    message, = in_maildir(folder)
    assert message['X-Mesa-Possible-Duplicate'] is None
    assert message_from_bytes(message.as_bytes()).is_multipart()


def killed_at(step: str, work: Callable[[], object]) -> None:
    """Run some work in a process that dies when the step is done: 'fsync' of the letter, 'rename' into the box."""
    child = os.fork()
    if child == 0:
        def die(*args: object, **kwargs: object) -> None:
            if step == 'rename':
                done(*args, **kwargs)
            os.kill(os.getpid(), signal.SIGKILL)
        done = Path.rename if step == 'rename' else os.fsync
        setattr(Path if step == 'rename' else os, step, die)
        try:
            work()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def test_a_maildir_that_cannot_be_written_is_tried_again(db: Database, tmp_path: Path) -> None:
    posted(db)
    (tmp_path / 'maildir').write_text('in the way')
    a_postman(db, tmp_path / 'maildir', Clock(NOW)).round()
    row, = Outbox(db).list([Sending.WAITING])
    assert 'maildir' in (row.last_error or '')


@pytest.mark.parametrize('spoilt', [{'name': 'nothing'}, {'recipient': 'not an address'}])
def test_a_letter_that_nobody_can_write_ends_and_the_others_go(db: Database, tmp_path: Path, spoilt: dict[str, str]) -> None:
    number = a_folio(db)
    posted(db, 'spoilt', number=number, **spoilt)
    posted(db, 'next')
    a_postman(db, tmp_path / 'maildir', Clock(NOW)).round()
    assert len(in_maildir(tmp_path / 'maildir')) == 1
    assert len(Outbox(db).list([Sending.FAILED])) == 1
    assert FolioBook(db).timeline(number)[-1].kind == EntryKind.WARNING


def test_a_defect_of_ours_stops_no_other_letter(db: Database, tmp_path: Path) -> None:
    posted(db, 'spoilt', facts={'opened_at': 'yesterday'})
    posted(db, 'next')
    a_postman(db, tmp_path / 'maildir', Clock(NOW)).round()
    row, = Outbox(db).list([Sending.WAITING])
    assert 'yesterday' in (row.last_error or '')
    assert len(in_maildir(tmp_path / 'maildir')) == 1


def with_supervisors(*logins: str) -> Site:
    agents = {login: Agent(login, login.title(), '2001', (), email=f'{login}@mesa.example', supervisor=True) for login in logins}
    return replace(SITE, agents=agents)


def came_back(db: Database, id_: int, site: Site, message_id: str = '') -> bool:
    with db.write() as connection:
        return bounced(connection, site, message_id or Outbox(db).get(id_).message_id, 'ANA@nopalera.example', '550 no\r\nsuch user', NOW)


def test_a_bounce_lands_on_its_folio_and_tells_each_supervisor_once(db: Database) -> None:
    number = a_folio(db)
    id_ = posted(db, number=number)
    site = with_supervisors('laura', 'pedro')
    book = Outbox(db)
    row, = book.claim(NOW, MACHINE, 60)
    book.sent(row, NOW)
    assert came_back(db, id_, site)
    assert came_back(db, id_, site)                    # reported twice
    told = [row for row in book.list([Sending.WAITING]) if row.notice == 'bounce']
    assert sorted(row.recipient for row in told) == ['laura@mesa.example', 'pedro@mesa.example']
    assert (book.get(id_).state, book.get(id_).last_error) == (Sending.FAILED, 'bounced: 550 no such user')
    entries = [entry.text for entry in FolioBook(db).timeline(number) if entry.kind == EntryKind.BOUNCE]
    assert entries == ['no llegó el correo «avance» a ana@nopalera.example: 550 no such user']


def test_a_bounce_of_a_bounce_is_the_end(db: Database) -> None:
    number = a_folio(db)
    id_ = posted(db, number=number, name='bounce')
    assert came_back(db, id_, with_supervisors('laura'))
    assert [row.id for row in Outbox(db).list()] == [id_]
    assert FolioBook(db).timeline(number)[-1].kind == EntryKind.BOUNCE


def test_two_letters_that_come_back_are_told_apart(db: Database) -> None:
    number = a_folio(db)
    for key in ('a', 'b'):
        assert came_back(db, posted(db, key, number=number), with_supervisors('laura'))
    assert len([row for row in Outbox(db).list() if row.notice == 'bounce']) == 2


def test_a_strangers_bounce_is_none_of_ours(db: Database) -> None:
    id_ = posted(db)
    assert not came_back(db, id_, SITE, '<somebody@else.example>')
    assert Outbox(db).get(id_).state is Sending.WAITING


def test_the_answer_to_a_letter_that_came_back_meanwhile_changes_nothing(db: Database) -> None:
    id_ = posted(db)
    book = Outbox(db)
    row, = book.claim(NOW, MACHINE, 60)
    assert came_back(db, id_, SITE)
    assert not book.sent(row, NOW)
    assert book.get(id_).state is Sending.FAILED


def test_a_line_that_is_gone_holds_nothing(db: Database, tmp_path: Path) -> None:
    number = a_folio(db)
    posted(db, number=number)
    with db.write() as connection:
        assert connection.scalar(select(folios.c.id))
        connection.execute(update(folios).values(line='+528009999999'))
        connection.execute(update(outbox).values(client='gone'))
    assert a_postman(db, tmp_path / 'maildir', Clock(NIGHT)).round() == 1
