"""Bytes to letters: what people and programs send, what attackers send, and each in bounded time (mission.md 4.8)."""
from __future__ import annotations

import base64
import zipfile
from collections.abc import Callable
from io import BytesIO
from time import monotonic

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.mail_samples import CPYTHON, letter, with_file
from ticketing.mail import mime as mail_mime
from ticketing.mail.content_types import content_type, refusal
from ticketing.mail.reader import MAX_ATTACHMENTS, Envelope, Letter, Unreadable, read_letter
from ticketing.mail.text import fresh_part, html_to_text, is_thanks
from ticketing.mail.words import addresses, decoded, mailbox, safe_title

MEGABYTE = 1024 * 1024
FULL = mail_mime.MAX_BYTES - 5000
PATIENCE_S = 8.0                                       # for the largest message; two seconds are usual


def read(raw: bytes, envelope: Envelope = Envelope()) -> Letter:
    found = read_letter(raw, envelope)
    assert isinstance(found, Letter), found
    return found


# --- words ----------------------------------------------------------------------------------------------------------

def test_a_letter_as_a_person_writes_it() -> None:
    raw = letter('¿Me ayudan?', sender='María Ríos <Maria.Rios@Nopalera.example>', message_id='<a@b.example>',
                 References='<x@y.example> <z@y.example>', In_Reply_To='<z@y.example>', Date='Tue, 24 Nov 2026 10:00:00 -0600')
    found = read(raw, Envelope('otro@b.example', ('Mesa+1.x@mesa.example',)))
    assert (found.sender, found.sender_name) == ('maria.rios@nopalera.example', 'María Ríos')
    assert (found.subject, found.text) == ('Ayuda', '¿Me ayudan?')
    assert found.recipients == ('mesa+1.x@mesa.example', 'ayuda@nopalera.example')
    assert (found.message_id, found.in_reply_to) == ('<a@b.example>', ('<z@y.example>',))
    assert found.references == ('<x@y.example>', '<z@y.example>')
    assert found.date is not None and found.date.isoformat() == '2026-11-24T16:00:00+00:00'
    assert (found.automatic, found.bounce, found.attachments) == (None, None, ())


@pytest.mark.parametrize('charset', ['utf-8', 'iso-8859-1', 'windows-1252', 'utf-16'])
def test_character_sets(charset: str) -> None:
    body = base64.encodebytes('Año nuevo: ¿qué pasó?'.encode(charset))
    raw = f'Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: base64\r\n\r\n'.encode() + body
    assert read(raw).text == 'Año nuevo: ¿qué pasó?'


@pytest.mark.parametrize('charset', [
    '', 'nonsense', 'punycode', 'unicode_escape', 'hex', 'zip', '../../x', 'us-ascii', 'utf-7', 'undefined', 'x' * 5000])
@pytest.mark.parametrize('body', ['¿Qué?'.encode(), '¿Qué?'.encode('latin-1')])
def test_a_character_set_that_lies_costs_no_letter(charset: str, body: bytes) -> None:
    assert read(f'Content-Type: text/plain; charset="{charset}"\r\n\r\n'.encode() + body).text == '¿Qué?'


def test_eight_bit_everywhere() -> None:
    raw = 'From: José Núñez <jose@b.example>\r\nSubject: Año\r\nTo: ñ@b.example\r\nX-Ñ: x\r\n\r\nseñal'
    for charset in ('utf-8', 'latin-1'):
        found = read(raw.replace('X-Ñ: x\r\n', '').encode(charset))
        assert (found.sender, found.sender_name, found.subject, found.text) == ('jose@b.example', 'José Núñez', 'Año', 'señal')


@pytest.mark.parametrize(('told', 'meant'), [
    ('=?utf-8?Q?A=C3=B1o?= =?utf-8?B?IG51ZXZv?=', 'Año nuevo'), ('=?utf-8?B?a?=', '=?utf-8?B?a?='), ('=?x-none?Q?hola?=', 'hola'),
    ('=?utf-8?Q?a=0D=0ABcc:_x?=', 'a Bcc: x'), ('=?utf-8?Q?=00=1b[31m?=', '[31m'), ('a\u202efdp.exe', 'afdp.exe')])
def test_encoded_words(told: str, meant: str) -> None:
    assert decoded(told) == meant


@pytest.mark.parametrize(('told', 'meant'), [
    ('María <m@b.example>', ('m@b.example', 'María')), ('m@b.example (María)', ('m@b.example', 'María')),
    ('<m@b.example>', ('m@b.example', '')),
    ('"jefe@c.example" <m@b.example>', ('m@b.example', 'jefe@c.example')), ('nadie', ('', '')), ('<>', ('', '')),
    ('a@b@c.example', ('', '')),
    ('"a, b" <x@b.example>, otro@c.example', ('x@b.example', '')), ('M@B.Example', ('m@b.example', ''))])
def test_who_is_meant_by_a_header(told: str, meant: tuple[str, str]) -> None:
    assert mailbox(told)[0] == meant[0]
    if meant[1]:
        assert mailbox(told)[1] == meant[1]


def test_addresses_of_many_forms() -> None:
    told = 'Ayuda <a@b.example>, "x@y.example" <C@d.example>; e+f.g@h.example'
    assert addresses(told) == ('a@b.example', 'c@d.example', 'e+f.g@h.example')


@pytest.mark.parametrize(('name', 'shown'), [
    ('../../etc/passwd', 'passwd'), ('C:\\Temp\\informe.pdf', 'informe.pdf'), ('..', 'adjunto-3'), ('', 'adjunto-3'), (None, 'adjunto-3'),
    ('a\r\nContent-Type: x.pdf', 'a Content-Type_ x.pdf'), ('a\x00b.pdf', 'ab.pdf'), ('foto\u202egpj.exe', 'fotogpj.exe'),
    ('<img src=x>.png', '_img src=x_.png'), ('=?utf-8?Q?A=C3=B1o.pdf?=', 'Año.pdf'), ('x' * 500 + '.pdf', 'x' * 116 + '.pdf')])
def test_titles_of_files_are_only_words(name: str | None, shown: str) -> None:
    assert safe_title(name, 3) == shown


# --- HTML -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(('html', 'words'), [
    ('<p>Hola</p><p>¿Qué&nbsp;tal?</p>', 'Hola\n\n¿Qué tal?'),
    ('<style>p{}</style><SCRIPT>alert(1)</SCRIPT>a<!-- b -->c', 'ac'),
    ('<head><title>x</title></head><body>uno<br>dos</body>', 'uno\ndos'),
    ('<table><tr><td>a</td><td>b</td></tr></table>', 'a b'),
    ('1 < 2 &amp; 3 > 2', '1 < 2 & 3 > 2'),
    ('&lt;script&gt;', '<script>'),
    ('<script>never closed', ''),
    ('a<!-- never closed', 'a'),
    ('a<b', 'a'),
    ('&#' + '9' * 5000 + ';x', '\ufffdx')])
def test_html_to_words(html: str, words: str) -> None:
    assert html_to_text(html) == words


def test_the_plain_alternative_wins_and_html_alone_is_read() -> None:
    both = (b'Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nllano\r\n'
            b'--b\r\nContent-Type: text/html\r\n\r\n<p>rico</p>\r\n--b--\r\n')
    assert read(both).text == 'llano'
    assert read(both.replace(b'llano', b' ')).text == 'rico'


# --- quoted letters and thanks --------------------------------------------------------------------------------------

@pytest.mark.parametrize('text', [
    'Sí.\n\nEl mar, 24 nov 2026 a las 10:00, Mesa de ayuda (<mesa@mesa.example>) escribió:\n\n> hola\n> ¿qué?',
    'Sí.\n\nEl mar, 24 nov 2026 a las 10:00, Mesa de ayuda\n<mesa@mesa.example> escribió:\n> hola',
    'Sí.\n\nOn Tue, Nov 24, 2026 at 10:00 AM Mesa <m@m.example> wrote:\n> hola',
    'Sí.\n\n-----Mensaje original-----\nDe: Mesa\nhola',
    'Sí.\n\n________________________________\nDe: Mesa\nEnviado: martes\nhola',
    'Sí.\n\nDe: Mesa <m@m.example>\nEnviado el: martes, 24 de noviembre\nPara: María\nAsunto: x\n\nhola',
    'Sí.\n\n> hola\n> ¿qué?\n'])
def test_the_letter_that_is_answered_is_cut_off(text: str) -> None:
    assert fresh_part(text) == 'Sí.'


@pytest.mark.parametrize('text', [
    'El mar, 24 nov 2026, Mesa <m@m.example> escribió:\n> ¿qué versión?\nLa 4.\n> ¿y desde cuándo?\nAyer.',
    'Hola.\n\nEl mar, 24 nov 2026, Mesa <m@m.example> escribió:\n> ¿qué versión?\n\nLa 4.',
    '> solo\n> cita', 'De: la oficina no puedo entrar.\nA veces sí.', 'On the one hand I wrote: nothing happens', ''])
def test_what_was_written_now_is_never_cut_off(text: str) -> None:
    assert fresh_part(text) == text


@pytest.mark.parametrize('text', [
    'gracias', 'Muchas gracias.', 'Mil gracias Ana, ya quedó todo. Saludos', 'Ok, gracias!', 'Thank you', 'Perfecto, gracias 👍',
    'Se lo agradezco mucho.\n\nEnviado desde mi iPhone'])
def test_thanks(text: str) -> None:
    assert is_thanks(text)


@pytest.mark.parametrize('text', [
    '', 'ok', 'Gracias, pero sigue igual', 'no funciona, gracias', 'Gracias. ¿Cuándo queda?', 'Gracias, ya no abre',
    'Se los agradezco, otra vez falló', 'gracias ' * 30, 'Sigue la falla', 'Gracias por avisar; necesito también la impresora'])
def test_more_than_thanks(text: str) -> None:
    assert not is_thanks(text)


# --- automatic, and bounces -----------------------------------------------------------------------------------------

@pytest.mark.parametrize(('headers', 'automatic'), [
    ({'Auto_Submitted': 'no'}, False), ({'Auto_Submitted': 'auto-generated'}, True), ({'Auto_Submitted': 'auto-replied; x=y'}, True),
    ({'Precedence': 'normal'}, False), ({'Precedence': 'Bulk'}, True), ({'X_Auto_Response_Suppress': 'All'}, False),
    ({'X_Auto_Response_Suppress': 'All', 'subject': 'Respuesta automática: x'}, True), ({'subject': 'Respuesta automática: x'}, False),
    ({'subject': 'Fuera de la oficina', 'In_Reply_To': '<a@b>'}, True), ({'sender': 'MAILER-DAEMON@x.example'}, True),
    ({'sender': 'Mail Delivery System <x@y.example>'}, True), ({'List_Id': 'x'}, True), ({'X_Autoreply': 'yes'}, True)])
def test_signs_of_a_machine(headers: dict[str, str], automatic: bool) -> None:
    assert (read(letter(**headers)).automatic is not None) == automatic


def test_the_null_sender_is_a_machine_and_an_unknown_one_is_not() -> None:
    assert read(letter(), Envelope('')).automatic == 'no return address'
    assert read(letter(), Envelope(None)).automatic is None


def dsn(action: str = 'failed', status: str = '5.1.1') -> bytes:
    return (
        'From: MAILER-DAEMON@x.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n'
        '--b\r\nContent-Type: text/plain\r\n\r\nNo llegó.\r\n'
        '--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x.example\r\n\r\n'
        f'Final-Recipient: rfc822; Jose@B.example\r\nAction: {action}\r\nStatus: {status}\r\n'
        'Diagnostic-Code: smtp; 550 no such\r\n user\r\n\r\n'
        '--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <ours@mesa.example>\r\nSubject: x\r\n\r\ny\r\n--b--\r\n').encode()


def test_a_delivery_status_notification_is_read() -> None:
    bounce = read(dsn()).bounce
    assert bounce is not None
    assert (bounce.message_id, bounce.recipient, bounce.diagnostic, bounce.permanent) == (
        '<ours@mesa.example>', 'jose@b.example', 'smtp; 550 no such user', True)
    late = read(dsn('delayed', '4.4.1')).bounce
    assert late is not None and not late.permanent


# --- files ----------------------------------------------------------------------------------------------------------

def zipped(*names: str) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, 'w') as archive:
        for name in names:
            archive.writestr(name, 'x')
    return packed.getvalue()


@pytest.mark.parametrize(('data', 'kind'), [
    (b'%PDF-1.7', 'application/pdf'), (b'\x89PNG\r\n\x1a\n', 'image/png'), (b'\xff\xd8\xff\xe0', 'image/jpeg'), (b'GIF89a', 'image/gif'),
    (zipped('a.txt'), 'application/zip'), (zipped('META-INF/MANIFEST.MF'), 'application/java-archive'),
    (zipped('[Content_Types].xml', 'word/document.xml'), 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'),
    (b'MZ\x90', 'application/x-dosexec'), (b'\x7fELF', 'application/x-executable'), (b'#!/bin/sh', 'text/x-script'),
    (b'  <!DOCTYPE html>', 'text/html'), (b'\xef\xbb\xbf<svg xmlns=', 'image/svg+xml'), (b'<?xml version="1.0"?><svg/>', 'image/svg+xml'),
    ('nota: sí'.encode(), 'text/plain'), ('nota: sí'.encode('latin-1'), 'text/plain'),
    (b'', 'application/octet-stream'), (bytes(9), 'application/octet-stream')])
def test_types_are_those_of_the_content(data: bytes, kind: str) -> None:
    assert content_type(data) == kind


@pytest.mark.parametrize(('title', 'data', 'refused'), [
    ('informe.pdf', b'%PDF-1', False), ('informe.pdf', b'MZ', True), ('informe.pdf.EXE', b'hola', True), ('x.js', b'alert(1)', True),
    ('x', b'#!/bin/sh', True), ('x.zip', zipped('a'), False), ('x.txt', zipped('META-INF/x'), True), ('exe', b'hola', False)])
def test_programs_are_refused_by_content_and_by_name(title: str, data: bytes, refused: bool) -> None:
    assert (refusal(title, content_type(data)) is not None) == refused


def test_the_sender_does_not_say_what_a_file_is() -> None:
    file, = read(with_file(b'MZ\x90\x00', 'foto.png')).attachments
    assert (file.title, file.kind, file.declared) == ('foto.png', 'application/x-dosexec', 'application/octet-stream')
    assert file.data == b'MZ\x90\x00'


def test_a_title_in_pieces_and_of_another_character_set() -> None:
    raw = b"Content-Type: application/pdf;\r\n name*0*=iso-8859-1'es'A%F1o;\r\n name*1=\" nuevo.pdf\"\r\n\r\n%PDF-"
    assert read(raw).attachments[0].title == 'Año nuevo.pdf'


def test_signatures_are_no_files_and_enclosed_letters_are() -> None:
    raw = (b'Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nhola\r\n'
           b'--b\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\n\r\nx\r\n'
           b'--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: la falla\r\n\r\nno abre\r\n--b--\r\n')
    found = read(raw)
    assert [(file.title, file.kind) for file in found.attachments] == [('la falla.eml', 'message/rfc822')]
    assert found.text == 'hola'


# --- attacks --------------------------------------------------------------------------------------------------------

HEAD = b'From: a@b.example\r\n'
MIXED = HEAD + b'Content-Type: multipart/mixed; boundary=a\r\n\r\n'
HTML = HEAD + b'Content-Type: text/html; charset=utf-8\r\n\r\n'


def filled(head: bytes, piece: bytes, size: int = FULL) -> bytes:
    return head + piece * ((size - len(head)) // len(piece))


UNREADABLE: dict[str, Callable[[], bytes]] = {
    'nested 100 000 deep': lambda: b''.join(b'Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n' % (n, n) for n in range(100_000)),
    'enclosed 100 000 deep': lambda: b'Content-Type: message/rfc822\r\n\r\n' * 100_000,
    'more parts than anybody reads': lambda: filled(MIXED, b'--a\r\n\r\n'),
    'a million header lines': lambda: b'X: y\r\n' * 1_000_000,
    'a header as large as the message': lambda: filled(HEAD + b'Subject: ', b'x'),
    'lines that look like boundaries': lambda: filled(HEAD + b'Content-Type: multipart/mixed; boundary=-\r\n\r\n', b'---x\n'),
    'copies of copies': lambda: b''.join(
        b'Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n' % (n, n) for n in range(18)) + b'x' * (FULL - 2000),
    'too large': lambda: b'x' * (mail_mime.MAX_BYTES + 1),
}
READABLE: dict[str, Callable[[], bytes]] = {
    'unfinished encoded words': lambda: HEAD + b'Subject: ' + b'=?a?q?' * 40_000 + b'\r\n\r\nx',
    'semicolons in every part': lambda: MIXED + (
        b'--a\r\nContent-Type: text/plain; x="' + b';' * 15_000 + b'\r\nContent-Disposition: attachment; x="' + b';' * 15_000
        + b'\r\n\r\nx\r\n') * 199,
    'one long line of dashes': lambda: filled(HEAD + b'Content-Type: multipart/mixed; boundary=-\r\n\r\n', b'-'),
    'empty lines': lambda: filled(HEAD, b'\n'),
    'quotes': lambda: filled(HEAD + b'In-Reply-To: <a@b>\r\n\r\n', b'>\n'),
    'introductions': lambda: filled(HEAD + b'In-Reply-To: <a@b>\r\n\r\n', b'el <a <a <a <a <a <a\n'),
    'opened tags': lambda: filled(HTML, b'<'),
    'opened comments': lambda: filled(HTML, b'<!--'),
    'opened scripts': lambda: filled(HTML, b'<script>'),
    'styles': lambda: filled(HTML, b'<style></style>'),
    'numbers of letters': lambda: filled(HTML, b'&#9999999999'),
    'blocks': lambda: filled(HTML, b'<div>'),
    'letters that grow': lambda: filled(HTML, 'İ<script>'.encode()),
    'base64 that is none': lambda: filled(
        HEAD + b'Content-Transfer-Encoding: base64\r\nContent-Type: application/pdf; name=x\r\n\r\n', bytes(range(256))),
    'quoted-printable that is none': lambda: filled(HEAD + b'Content-Transfer-Encoding: quoted-printable\r\n\r\n', b'='),
    'a codec of quadratic time': lambda: filled(HEAD + b'Content-Type: text/plain; charset=punycode\r\n\r\n', b'x-'),
    'brackets and signs in addresses': lambda: (
        b'From: ' + b'<' * 16_000 + b'\r\nTo: ' + b'@' * 16_000 + b'\r\nCc: ' + b'(' * 16_000 + b'\r\n\r\nx'),
    'a date of many numbers': lambda: HEAD + b'Date: ' + b'9' * 16_000 + b'\r\n\r\nx',
    'a delivery status of many blocks': lambda: HEAD + b'Content-Type: multipart/report; boundary=a\r\n\r\n' + (
        b'--a\r\nContent-Type: message/delivery-status\r\n\r\n' + b'Action: failed\n\n' * 4000) * 199,
}


@pytest.mark.parametrize('attack', UNREADABLE)
def test_an_attack_is_unreadable_in_time(attack: str) -> None:
    raw = UNREADABLE[attack]()
    began = monotonic()
    assert isinstance(read_letter(raw), Unreadable)
    assert monotonic() - began < PATIENCE_S


@pytest.mark.parametrize('attack', READABLE)
def test_an_attack_is_read_in_time(attack: str) -> None:
    raw = READABLE[attack]()
    began = monotonic()
    read(raw)
    assert monotonic() - began < PATIENCE_S


def test_a_zip_bomb_stays_closed() -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('0', bytes(200 * MEGABYTE))
    began = monotonic()
    file, = read(with_file(packed.getvalue(), 'a.zip')).attachments
    assert (file.kind, file.data) == ('application/zip', packed.getvalue())
    assert monotonic() - began < 2


def test_more_files_than_are_kept_are_counted() -> None:
    raw = MIXED + b'--a\r\nContent-Type: application/pdf; name=x\r\n\r\n%PDF-\r\n' * (MAX_ATTACHMENTS + 7) + b'--a--'
    found = read(raw)
    assert (len(found.attachments), found.dropped_attachments) == (MAX_ATTACHMENTS, 7)


def test_nothing_that_cannot_be_stored_gets_through() -> None:
    raw = b'From: a@b.example\r\nSubject: a\x00b\xed\xa0\x80\r\n\r\nx\x00y\x1bz\xed\xb0\x80'
    found = read(raw)
    (found.subject + found.text).encode()
    assert '\x00' not in found.subject + found.text and '\x1b' not in found.text


SEEDS = [file.read_bytes() for file in sorted(CPYTHON.glob('msg_*.txt'))]
PIECES = st.sampled_from([
    b'', b'\r\n', b'\n\n', b'\x00', b'\xff', b'--', b'--BOUNDARY\n', b'Content-Type: multipart/mixed; boundary=', b'=?', b'?=', b'"', b';',
    b'Content-Transfer-Encoding: base64\n', b'<', b'@', b'\xed\xa0\x80', b'*0*=', b"utf-8''%ff", b'message/rfc822'])


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    raw = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, len(raw)))
        raw[place:place + draw(st.integers(0, 40))] = draw(PIECES)
    return bytes(raw)


def check_letter(raw: bytes) -> None:
    found = read_letter(raw, Envelope('a@b.example', ('c@d.example',)))
    if isinstance(found, Letter):
        titles = (file.title for file in found.attachments)
        for words in (found.subject, found.text, found.fresh, found.sender_name, found.sender, found.message_id, *titles):
            words.encode()
            assert '\x00' not in words
        assert all('/' not in file.title and '\n' not in file.title for file in found.attachments)
        assert len(found.message_id) <= 255 and len(found.sender) <= 254 and '\n' not in found.subject


@settings(max_examples=300, deadline=2000, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
def test_damaged_messages_are_read_or_refused(raw: bytes) -> None:
    check_letter(raw)


@settings(max_examples=150, deadline=2000)
@given(st.binary(max_size=3000))
def test_random_bytes_are_read_or_refused(raw: bytes) -> None:
    check_letter(raw)


@settings(max_examples=150, deadline=2000)
@given(st.lists(PIECES, max_size=60))
def test_random_pieces_are_read_or_refused(pieces: list[bytes]) -> None:
    check_letter(b''.join(pieces))


QMAIL = """Hi. This is the qmail-send program at mx.otra.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<ana@nopalera.example>:
192.0.2.7 does not like recipient.
Remote host said: 550 no such user

--- Below this line is a copy of the message.

Return-Path: <mesa@mesa.example>
Message-ID: <abc@mesa.example>
Subject: Avance
"""


@pytest.mark.parametrize(('headers', 'words'), [
    ('', QMAIL), ('X-Failed-Recipients: Ana@nopalera.example\n', 'All went wrong.\n\nMessage-Id: <abc@mesa.example>\n')])
def test_a_bounce_that_is_only_words_is_one(headers: str, words: str) -> None:
    raw = f'From: MAILER-DAEMON@mx.otra.example\nSubject: failure notice\n{headers}\n{words}'.encode()
    bounce = read(raw).bounce
    assert bounce is not None
    assert (bounce.message_id, bounce.recipient, bounce.permanent) == ('<abc@mesa.example>', 'ana@nopalera.example', True)
    assert read(f'Subject: failure notice\n\nMi servidor dice:\n\n{QMAIL}'.encode()).bounce is None
