"""The door of e-mail by real SMTP and LMTP: what is answered is what is on disk."""
from __future__ import annotations

import os
import signal
import smtplib
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.mail_samples import HELP, MARIA, letter
from ticketing.mail.files import MailFolder, Waiting
from ticketing.mail.mime import MAX_BYTES

ROOT = Path(__file__).resolve().parent.parent


class Door:
    """A running door and its folder."""

    def __init__(self, folder: Path, process: subprocess.Popen[str]) -> None:
        self.folder = folder
        self.process = process
        assert process.stdout is not None
        self.port = int(process.stdout.readline())

    def waiting(self) -> list[Waiting]:
        return list(MailFolder(self.folder).waiting())

    @contextmanager
    def line(self, greeting: bytes = b'LHLO test') -> Iterator[Callable[[bytes, int], list[bytes]]]:
        """A connection: say(bytes, n) sends and gives the next n lines that are no continuation."""
        with socket.create_connection(('127.0.0.1', self.port), timeout=20) as connection, connection.makefile('rwb') as file:
            def say(words: bytes, answers: int = 1) -> list[bytes]:
                file.write(words)
                file.flush()
                heard: list[bytes] = []
                while len(heard) < answers:
                    told = file.readline()
                    if not told:
                        return [*heard, b'closed']
                    heard += [] if told[3:4] == b'-' else [told.rstrip()]
                return heard
            say(b'')
            say(greeting + b'\r\n')
            yield say


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    folder = tmp_path / 'mail-in'
    folder.mkdir()
    with subprocess.Popen([sys.executable, '-m', 'tests.mail_door_process', str(folder)], stdout=subprocess.PIPE, text=True, cwd=ROOT,
                          stdin=subprocess.DEVNULL) as process:
        try:
            yield Door(folder, process)
        finally:
            process.kill()


def test_smtp_and_lmtp_take_a_message_once_for_all_its_recipients(door: Door) -> None:
    raw = letter('Línea con acento\n.\n..\npunto').replace(b'\n', b'\r\n')
    with smtplib.SMTP('127.0.0.1', door.port, timeout=20) as client:
        assert client.sendmail(MARIA, [HELP, 'ayuda+algo@nopalera.example'], raw) == {}
    with smtplib.LMTP('127.0.0.1', door.port) as client:
        client.sendmail(MARIA, [HELP], raw)
    first, second = sorted(door.waiting(), key=lambda found: -len(found.envelope.recipients))
    assert first.raw == second.raw == raw
    assert first.envelope.recipients == (HELP, 'ayuda+algo@nopalera.example')
    assert (first.envelope.sender, second.envelope.recipients) == (MARIA, (HELP,))


def test_lmtp_answers_once_for_each_recipient(door: Door) -> None:
    with door.line() as say:
        assert say(b'MAIL FROM:<>\r\n')[0][:3] == b'250'
        asked = ''.join(f'RCPT TO:<{address}>\r\n' for address in (HELP, 'nadie@nopalera.example', 'mesa@mesa.example'))
        assert [answer[:3] for answer in say(asked.encode(), 3)] == [b'250', b'550', b'250']
        assert say(b'DATA\r\n')[0][:3] == b'354'
        assert [answer[:3] for answer in say(b'Subject: x\r\n\r\nhola\r\n.\r\n', 2)] == [b'250', b'250']
        assert say(b'NOOP x\r\n')[0][:3] == b'250'
    message, = door.waiting()
    assert message.envelope.sender == ''
    assert message.envelope.recipients == (HELP, 'mesa@mesa.example')


def test_nobody_relays_through_us(door: Door) -> None:
    with smtplib.SMTP('127.0.0.1', door.port, timeout=20) as client, pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        client.sendmail(MARIA, ['jefe@quetzal.example', 'x@otra.example'], letter())
    assert {code for code, _ in refused.value.recipients.values()} == {550}
    assert door.waiting() == []


def test_a_full_disk_is_told_as_try_again_and_leaves_nothing(door: Door) -> None:
    full = door.folder.parent / 'full'
    full.touch()
    with smtplib.SMTP('127.0.0.1', door.port, timeout=20) as client:
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.sendmail(MARIA, [HELP], letter())
        assert refused.value.smtp_code == 451
        full.unlink()
        client.sendmail(MARIA, [HELP], letter())
    assert len(door.waiting()) == 1


@pytest.mark.parametrize('full', [False, True])
def test_commands_sent_along_with_the_last_line_are_answered_after_the_message(door: Door, full: bool) -> None:
    """Postfix sends "." and QUIT together: a 221 in the message's place would be taken for a yes, and the message lost."""
    if full:
        (door.folder.parent / 'full').touch()
    with door.line() as say:
        say(b'MAIL FROM:<a@b.example>\r\n')
        say(f'RCPT TO:<{HELP}>\r\nRCPT TO:<mesa@mesa.example>\r\n'.encode(), 2)
        say(b'DATA\r\n')
        answers = say(b'Subject: x\r\n\r\nhola\r\n.\r\nQUIT\r\n', 4)
    told = b'451' if full else b'250'
    assert [answer[:3] for answer in answers] == [told, told, b'221', b'clo']
    assert len(door.waiting()) == (0 if full else 1)


def test_messages_sent_in_one_go_are_answered_in_their_order(door: Door) -> None:
    begin = f'MAIL FROM:<a@b.example>\r\nRCPT TO:<{HELP}>\r\nDATA\r\n'.encode()
    with door.line() as say:
        answers = say(begin, 3)
        for number in range(3):
            answers += say(f'Subject: {number}\r\n\r\n{"x" * 90_000}\r\n.\r\n'.replace('x' * 900, 'x' * 900 + '\r\n').encode() + begin, 4)
    assert [answer[:3] for answer in answers] == [b'250', b'250', b'354', *[b'250', b'250', b'250', b'354'] * 3]
    assert len(door.waiting()) == 3


@pytest.mark.parametrize('announced', [True, False])
def test_a_message_that_is_too_large_is_refused_for_good(door: Door, announced: bool) -> None:
    large = b'Subject: x\r\n\r\n' + b'x' * 70 + b'\r\n'
    with door.line() as say:
        size = f' SIZE={MAX_BYTES + 1}'.encode() if announced else b''
        answer = say(b'MAIL FROM:<a@b.example>' + size + b'\r\n')[0]
        if announced:
            assert answer[:3] == b'552'
            return
        say(f'RCPT TO:<{HELP}>\r\n'.encode())
        say(b'RCPT TO:<mesa@mesa.example>\r\n')
        say(b'DATA\r\n')
        answers = say(large + (b'y' * 998 + b'\r\n') * (MAX_BYTES // 1000 + 10) + b'.\r\n', 2)
        assert [told[:3] for told in answers] == [b'552', b'552']
        assert say(b'RSET\r\n')[0][:3] == b'250'                       # and the line is in step again
    assert door.waiting() == []


def test_a_line_without_end_ends_the_connection_and_nothing_of_it_is_a_command(door: Door) -> None:
    with door.line() as say:
        say(b'MAIL FROM:<a@b.example>\r\n')
        say(f'RCPT TO:<{HELP}>\r\n'.encode())
        say(b'DATA\r\n')
        assert say(b'x' * 3_000_000 + b'\r\nMAIL FROM:<c@d.example>\r\n', 2) == [b'500 Line too long', b'closed']
    assert door.waiting() == []


def test_a_connection_cut_in_the_middle_leaves_nothing(door: Door) -> None:
    with door.line() as say:
        say(b'MAIL FROM:<a@b.example>\r\n')
        say(f'RCPT TO:<{HELP}>\r\n'.encode())
        say(b'DATA\r\nSubject: x\r\n\r\nhalf')
    with door.line() as say:
        say(b'QUIT\r\n')
    assert door.waiting() == []


@pytest.mark.parametrize('words', [
    b'\x00\xff\xfe' * 50, b'MAIL FROM:<' + b'a' * 5000 + b'>', b'RCPT TO:<x>', b'DATA', b'AUTH PLAIN x', b'LHLO', b'MAIL FROM:<"\r\n',
    b'STATE_DATA x', b'MAIL FROM:<' + b'"' * 600 + b'>'])
def test_odd_commands_are_refused_and_the_door_stays_open(door: Door, words: bytes) -> None:
    with door.line() as say:
        say(words + b'\r\n')
    with smtplib.SMTP('127.0.0.1', door.port, timeout=20) as client:
        client.sendmail(MARIA, [HELP], letter())
    assert len(door.waiting()) == 1


def test_what_was_answered_outlives_a_kill(door: Door) -> None:
    with smtplib.SMTP('127.0.0.1', door.port, timeout=20) as client:
        client.sendmail(MARIA, [HELP], letter('uno'))
        os.kill(door.process.pid, signal.SIGKILL)
    assert [b'uno' in found.raw for found in door.waiting()] == [True]
    assert [file.name for file in door.folder.iterdir() if file.name.startswith('.') and file.suffix != '.lock'] == []


def test_the_eleventh_connection_is_let_go(door: Door) -> None:
    lines = [socket.create_connection(('127.0.0.1', door.port), timeout=20) for _ in range(11)]
    greetings = sorted(line.recv(100)[:3] for line in lines)
    assert greetings == [b'', *[b'220'] * 10]
    for line in lines:
        line.close()
    with door.line() as say:
        assert say(b'QUIT\r\n')[0][:3] == b'221'


def test_a_port_that_is_taken_is_tried_again_and_stops_nothing_else(tmp_path: Path) -> None:
    with socket.create_server(('127.0.0.1', 0)) as other:
        port = other.getsockname()[1]
        process = subprocess.Popen([sys.executable, '-m', 'tests.mail_door_process', str(tmp_path), str(port)], stdout=subprocess.PIPE,
                                   text=True, cwd=ROOT, stdin=subprocess.DEVNULL)
        assert process.stdout is not None and process.stdout.readline() == 'None\n'
    try:
        assert process.stdout.readline() == f'{port}\n'
        with smtplib.SMTP('127.0.0.1', port, timeout=20) as client:
            assert client.noop()[0] == 250
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
