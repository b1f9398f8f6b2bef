"""E-mail in, with a real mail server on the other side: LMTP into a running Mesa, and a Dovecot mailbox that is polled."""
from __future__ import annotations

import smtplib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from config.values import MailSettings
from tests.dovecot import PASSWORD, USER, Mailbox, imap_server
from tests.mail_samples import MARIA, letter
from tests.real.instance import RealMesa
from ticketing.mail.files import MailFolder
from ticketing.mail.mime import MAX_BYTES
from ticketing.mail.poll import PollFailed, poll
from ticketing.mail.reader import Envelope

HELP = 'mesa@nopalera.example'
PATIENCE_S = 30


def until(found: Callable[[], Any]) -> Any:
    """What `found` finds, as soon as it finds something."""
    deadline = time.monotonic() + PATIENCE_S
    while not (something := found()):
        assert time.monotonic() < deadline, 'it never happened'
        time.sleep(0.1)
    return something


def hand_over(mesa: RealMesa, raw: bytes, to: str = HELP, sender: str = MARIA) -> None:
    """Give a message to Mesa as the site's mail server does."""
    with smtplib.LMTP('127.0.0.1', mesa.place.ports.lmtp) as client:
        client.sendmail(sender, [to], raw)


def letters_to(mesa: RealMesa, recipient: str) -> list[Message]:
    """What left for somebody, the oldest first."""
    files = sorted((mesa.place.maildir / 'new').glob('*'), key=lambda file: file.stat().st_mtime_ns) if mesa.place.maildir.exists() else []
    return [message for file in files if (message := message_from_bytes(file.read_bytes()))['To'] == recipient]


def timeline(mesa: RealMesa, number: str) -> list[str]:
    return [entry['kind'] for entry in mesa.json('folio', 'show', number)['timeline']]


def message(mesa: RealMesa, subject: str) -> Any:
    """The message with this subject in the books, once it is there."""
    return until(lambda: next((m for m in mesa.json('mail', 'list') if m['subject'] == subject), None))


def test_a_letter_opens_a_folio_and_the_answer_to_the_receipt_joins_it(mesa: RealMesa) -> None:
    hand_over(mesa, letter('No abre la contabilidad.', to=HELP, subject='Contabilidad'))
    number = message(mesa, 'Contabilidad')['folio']
    receipt = until(lambda: [found for found in letters_to(mesa, MARIA) if number in found['Subject']])[0]
    assert receipt['Auto-Submitted'] == 'auto-generated'
    assert number in receipt['Reply-To']
    answer = letter('Es la versión 4.', to=receipt['Reply-To'], subject='sin nada que ayude', sender='otra@gmail.example')
    hand_over(mesa, answer, receipt['Reply-To'], 'otra@gmail.example')
    assert message(mesa, 'sin nada que ayude')['folio'] == number
    by_reference = letter('Y de ayer.', subject='tampoco', In_Reply_To=receipt['Message-ID'])
    hand_over(mesa, by_reference)
    assert message(mesa, 'tampoco')['folio'] == number
    assert timeline(mesa, number).count('email_in') == 3


def test_an_automatic_answer_to_the_receipt_is_noted_and_not_answered(mesa: RealMesa) -> None:
    hand_over(mesa, letter('La impresora.', subject='Impresora'))
    number = message(mesa, 'Impresora')['folio']
    receipt = until(lambda: [found for found in letters_to(mesa, MARIA) if number in found['Subject']])[0]
    until(lambda: 'email_out' in timeline(mesa, number))                   # it is in the Maildir a moment before it is in the books
    away = letter('Estoy de vacaciones.', subject='Fuera', Auto_Submitted='auto-replied', In_Reply_To=receipt['Message-ID'])
    hand_over(mesa, away, sender='')
    assert message(mesa, 'Fuera')['outcome'] == 'ignored'
    assert timeline(mesa, number)[-1] == 'note'
    assert len([found for found in letters_to(mesa, MARIA) if number in found['Subject']]) == 1


def test_a_bounce_of_the_receipt_lands_on_its_folio(mesa: RealMesa) -> None:
    hand_over(mesa, letter('El correo.', subject='Correo'))
    number = message(mesa, 'Correo')['folio']
    receipt = until(lambda: [found for found in letters_to(mesa, MARIA) if number in found['Subject']])[0]
    report = (
        'From: MAILER-DAEMON@nopalera.example\r\nSubject: Undelivered\r\nContent-Type: multipart/report; boundary=b\r\n\r\n'
        '--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n'
        f'Final-Recipient: rfc822; {MARIA}\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 buzon lleno\r\n\r\n'
        f'--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {receipt["Message-ID"]}\r\n\r\n--b--\r\n')
    hand_over(mesa, report.encode(), 'mesa@mesa.example', '')
    assert message(mesa, 'Undelivered')['outcome'] == 'bounce'
    assert 'bounce' in timeline(mesa, number)


def test_what_waits_for_a_person_is_accepted_by_hand(mesa: RealMesa, tmp_path: Path) -> None:
    file = tmp_path / 'x.eml'
    file.write_bytes(letter('¿Hay alguien?', sender='nadie@otra.example', to='x@otra.example', subject='De nadie'))
    taken = mesa.mesa('mail', 'take', str(file))
    assert taken.returncode == 0, taken.stderr
    row = message(mesa, 'De nadie')
    assert (row['outcome'], row['folio']) == ('quarantined', None)
    assert '¿Hay alguien?' in mesa.mesa('mail', 'show', str(row['id'])).stdout
    assert mesa.mesa('mail', 'accept', str(row['id']), '--by', 'ana').returncode == 1       # whose is it?
    assert mesa.mesa('mail', 'accept', str(row['id']), '--by', 'ana', '--client', 'quetzal').returncode == 0
    assert message(mesa, 'De nadie')['folio'] is not None
    refused = mesa.mesa('mail', 'reject', str(row['id']), '--by', 'ana')
    assert (refused.returncode, refused.stderr.startswith(f'mesa: message {row["id"]} is opened')) == (1, True)


# --- a mailbox ------------------------------------------------------------------------------------------------------

@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with imap_server() as found:
        yield found


def settings(mailbox: Mailbox) -> MailSettings:
    return MailSettings(imap=f'127.0.0.1:{mailbox.port}', imap_security='none', imap_user=USER)


def test_unseen_messages_are_taken_and_then_marked(mailbox: Mailbox, tmp_path: Path) -> None:
    raw = letter('uno').replace(b'\n', b'\r\n')
    mailbox.deliver(raw)
    mailbox.deliver(letter('dos'))
    folder = MailFolder(tmp_path)
    assert poll(settings(mailbox), PASSWORD, folder.take) == 2
    assert mailbox.seen() == [True, True]
    assert {found.raw for found in folder.waiting()} == {raw, letter('dos').replace(b'\n', b'\r\n')}
    assert [found.envelope for found in folder.waiting()] == [Envelope(), Envelope()]
    assert poll(settings(mailbox), PASSWORD, folder.take) == 0


def test_a_poll_that_is_cut_off_takes_the_message_again_and_it_is_the_same(mailbox: Mailbox, tmp_path: Path) -> None:
    mailbox.deliver(letter('uno'))
    folder = MailFolder(tmp_path)

    def killed(raw: bytes, envelope: Envelope) -> None:
        folder.take(raw, envelope)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        poll(settings(mailbox), PASSWORD, killed)
    assert mailbox.seen() == [False]
    assert poll(settings(mailbox), PASSWORD, folder.take) == 1
    assert mailbox.seen() == [True]
    assert len(list(folder.waiting())) == 1


def test_a_full_disk_leaves_the_message_unseen(mailbox: Mailbox) -> None:
    mailbox.deliver(letter('uno'))

    def full(raw: bytes, envelope: Envelope) -> None:
        raise OSError(28, 'No space left on device')

    with pytest.raises(PollFailed, match='No space'):
        poll(settings(mailbox), PASSWORD, full)
    assert mailbox.seen() == [False]


def test_of_a_message_that_is_too_large_only_so_much_is_fetched(mailbox: Mailbox) -> None:
    mailbox.deliver(b'Subject: x\r\n\r\n' + b'x' * 70 + b'\r\n' + (b'y' * 98 + b'\r\n') * (MAX_BYTES // 100))
    lengths: list[int] = []
    poll(settings(mailbox), PASSWORD, lambda raw, _: lengths.append(len(raw)))
    assert lengths == [MAX_BYTES + 1]


def test_what_is_wrong_with_a_mailbox_is_said_without_its_password(mailbox: Mailbox) -> None:
    for wrong, password in ((settings(mailbox), 'falsa'), (replace(settings(mailbox), imap_folder='Nada'), PASSWORD),
                            (replace(settings(mailbox), imap='127.0.0.1:1'), PASSWORD),
                            (replace(settings(mailbox), imap_security='tls'), PASSWORD)):
        with pytest.raises(PollFailed) as failed:
            poll(wrong, password, lambda raw, envelope: None)
        assert password not in str(failed.value)
        assert 'could not be read' in str(failed.value)
    assert poll(MailSettings(), '', lambda raw, envelope: None) == 0


def test_a_running_mesa_polls_its_mailbox(mailbox: Mailbox, make_mesa: Callable[..., RealMesa]) -> None:
    mailbox.deliver(letter('Por buzón.', to=HELP, subject='Por buzón'))

    def with_imap(site: Path) -> None:
        file = site / 'site.toml'
        text = file.read_text(encoding='utf-8')
        assert '\n[mail]\n' in text
        own = f'\n[mail]\nimap = "127.0.0.1:{mailbox.port}"\nimap_security = "none"\nimap_user = "{USER}"\n'
        file.write_text(text.replace('\n[mail]\n', own), encoding='utf-8')
        (site.parent / 'secrets.toml').write_text(f'[mail]\nimap = "{PASSWORD}"\n')

    mesa = make_mesa(edit=with_imap, clock='2026-11-24T10:00')
    assert message(mesa, 'Por buzón')['outcome'] == 'opened'
    until(lambda: mailbox.seen() == [True])            # marked when it is in the books
