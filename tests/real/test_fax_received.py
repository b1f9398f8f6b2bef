"""Faxes of a real fax machine go through Asterisk, a modem and HylaFAX and arrive as PDFs, pixel by pixel (mission.md 5.1-5.3)."""
from __future__ import annotations

import io
import mailbox
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from subprocess import run
from typing import Any
from urllib.request import urlopen

import pytest
from PIL import Image, ImageDraw

from tests.real.callers import eventually
from tests.real.fax_machine import FaxMachine, Sent
from tests.real.instance import RealMesa
from tests.site_copies import edit

NOPALERA, QUETZAL = '8005550105', '8005550205'         # the second one refuses what is too long
ACCOUNT = 'faxes@nopalera.example'
STANDARD, FINE = (1100, 98), (2200, 196)               # rows of a page, and dots an inch
DELIVERED_S = 60.0
LONG_S = 1200.0                                        # thirty pages
SIX_S = 240.0                                          # six fine ones, of four faxes at once
WELCOME = 5                                            # pages


def a_page(number: int, height: int) -> Image.Image:
    """A page such as a letter looks: lines of different lengths, and its number in large."""
    page = Image.new('1', (1728, height), 1)
    draw = ImageDraw.Draw(page)
    for row, top in enumerate(range(height // 5, height - 80, height // 30)):
        for word in range(12):
            left = 120 + word * 120
            if (row * 7 + word * 3 + number) % 5:
                draw.rectangle((left, top, left + 40 + (row * word * 13 + number * 29) % 60, top + height // 90), fill=0)
    for bar in range(number):
        draw.rectangle((120 + bar * 40, 60, 140 + bar * 40, height // 8), fill=0)
    return page


def a_fax(file: Path, pages: int, quality: tuple[int, int]) -> list[Image.Image]:
    """Write a fax; its pages."""
    height, dpi = quality
    made = [a_page(number, height) for number in range(1, pages + 1)]
    made[0].save(file, 'TIFF', compression='group4', dpi=(204, dpi), save_all=True, append_images=made[1:])
    return made


def refuse_long(site: Path) -> None:
    edit(site, 'clients/quetzal.toml', '[policy]', '[policy]\nfax_too_long = "reject"')


@pytest.fixture(scope='module')
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealMesa, FaxMachine]]:
    machine = FaxMachine(tmp_path_factory.mktemp('machine'))
    machine.patience_s = SIX_S

    def prepare(site: Path) -> None:
        machine.take_trunk(site)
        refuse_long(site)
    mesa = RealMesa(tmp_path_factory.mktemp('mesa'), edit=prepare, fax=4, clock='2026-11-24T10:00')
    try:
        machine.start(mesa.place.ports.sip)
        yield mesa, machine
    finally:
        machine.stop()
        mesa.stop()


def letters(mesa: RealMesa, recipient: str = ACCOUNT) -> list[EmailMessage]:
    """What is in the Maildir for an account, the oldest first."""
    box = mailbox.Maildir(mesa.place.maildir)
    box.close()
    files = sorted((mesa.place.maildir / 'new').iterdir(), key=lambda file: file.stat().st_mtime_ns)
    parsed: list[Any] = [BytesParser(policy=default).parsebytes(file.read_bytes()) for file in files]
    return [letter for letter in parsed if letter['To'] == recipient]


def send(machine: FaxMachine, number: str, file: Path, caller: str, hang_up_after: int | None) -> Sent:
    """Send a fax; a machine that is refused does not try again, but one that fails before does."""
    if number == QUETZAL:
        sent = machine.ended(machine.begin(number, file, caller))
        return sent if sent.status != 'FAILED' or sent.pages >= WELCOME - 1 else machine.ended(machine.begin(number, file, caller))
    return machine.send(number, file, caller, hang_up_after=hang_up_after)


def letter_of(mesa: RealMesa, caller: str, recipient: str = ACCOUNT, cut: bool = False) -> EmailMessage:
    """The letter about a fax of this caller that came whole, or was cut. A machine that sends once more has two."""
    return eventually(lambda: [letter for letter in letters(mesa, recipient) if spaced(caller) in letter['Subject']
                               and ('La transmisión se interrumpió' in text_of(letter)) == cut],
                      bool, f'a letter about the fax of {caller}', DELIVERED_S)[-1]


def spaced(number: str) -> str:
    return f'{number[:3]} {number[3:6]} {number[6:]}'


def pages_in(letter: EmailMessage, folder: Path) -> list[Image.Image]:
    """The pages of the PDF that goes with a letter."""
    attachment, = letter.iter_attachments()
    content = attachment.get_content()
    file = folder / 'fax.pdf'
    file.write_bytes(content)
    run(['pdfimages', '-png', str(file), str(folder / 'page')], check=True)
    return [Image.open(io.BytesIO(picture.read_bytes())).convert('1') for picture in sorted(folder.glob('page-*.png'))]


def insist_on_equal(received: Sequence[Image.Image], sent: Sequence[Image.Image]) -> None:
    """Every pixel; the sender's machine puts a line of its own above the page."""
    assert len(received) == len(sent)
    for number, (got, gave) in enumerate(zip(received, sent, strict=True), 1):
        assert got.width == gave.width
        below = got.crop((0, got.height - gave.height, got.width, got.height))
        assert below.tobytes() == gave.tobytes(), f'page {number} differs'
        assert got.height - gave.height < gave.height // 10


def figures_of(mesa: RealMesa) -> dict[str, float]:
    """What Prometheus would read."""
    with urlopen(f'http://127.0.0.1:{mesa.place.ports.metrics}/metrics', timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(' ') for line in lines if not line.startswith('#'))}


def text_of(letter: EmailMessage) -> str:
    body = letter.get_body(('plain',))
    assert body is not None
    return str(body.get_content())


@pytest.mark.timeout(400)
def test_four_faxes_at_once(office: tuple[RealMesa, FaxMachine], tmp_path: Path) -> None:
    """One page; six, of which five go; six to who refuses them; four, of which the sender hangs up after two."""
    mesa, machine = office
    one, six, four = (tmp_path / f'{name}.tif' for name in ('one', 'six', 'four'))
    short, long, cut = a_fax(one, 1, STANDARD), a_fax(six, 6, FINE), a_fax(four, 4, STANDARD)
    orders = [(NOPALERA, one, '5555550171', None), (NOPALERA, six, '5555550172', None), (QUETZAL, six, '5555550173', None),
              (NOPALERA, four, '5555550174', 2)]
    with ThreadPoolExecutor(4) as pool:
        done: list[Sent] = list(pool.map(lambda order: send(machine, *order), orders))
    assert [sent.status for sent in done[:2]] == ['SUCCESS', 'SUCCESS'] and done[1].pages == 6, done
    assert done[2].status != 'SUCCESS', 'the sender hears that his fax was refused'

    first = letter_of(mesa, '5555550171')
    (tmp_path / 'first').mkdir()
    insist_on_equal(pages_in(first, tmp_path / 'first'), short)
    assert 'Alimentos La Nopalera' in first['Subject'] and '1 página' in first['Subject']

    second = letter_of(mesa, '5555550172')
    (tmp_path / 'second').mkdir()
    insist_on_equal(pages_in(second, tmp_path / 'second'), long[:5])
    assert 'Llegaron 6 páginas' in text_of(second)

    refused = letter_of(mesa, '5555550173', 'faxes@quetzal.example')
    assert 'rechazado' in refused['Subject'] and not list(refused.iter_attachments())

    last = letter_of(mesa, '5555550174', cut=True)
    (tmp_path / 'last').mkdir()
    arrived = pages_in(last, tmp_path / 'last')
    assert 2 <= len(arrived) <= 3
    insist_on_equal(arrived[:2], cut[:2])

    listed = eventually(lambda: {fax['caller_number']: fax for fax in reversed(mesa.json('fax', 'list'))},        # of each its newest
                        lambda found: {number: fax['state'] for number, fax in found.items()} == {
                            '5555550171': 'sent', '5555550172': 'sent', '5555550173': 'rejected', '5555550174': 'sent'},
                        'the books know what became of the letters')
    assert [event['state'] for event in mesa.json('fax', 'show', listed['5555550171']['reference'])['events']] == [
        'received', 'counted', 'converted', 'queued', 'sent']
    figures = eventually(lambda: figures_of(mesa), lambda told: told['mesa_fax_calls_last_hour{outcome="taken"}'] >= 4
                         and told['mesa_fax_spool_files'] == 0, 'all calls are in the log')
    assert figures['mesa_faxes{state="sent"}'] >= 3 and figures['mesa_faxes{state="rejected"}'] == 1
    assert figures['mesa_faxes_received_total'] >= 4 and figures['mesa_books_up'] == 1
    assert sum(value for name, value in figures.items() if name.startswith('mesa_fax_modem{')) == 4
    assert not list((mesa.place.fax_spool / 'inbox').iterdir()) and not list((mesa.place.fax_spool / 'recvq').glob('*.tif'))


@pytest.mark.timeout(200)
def test_a_fax_machine_that_calls_a_voice_line_is_heard(office: tuple[RealMesa, FaxMachine], tmp_path: Path) -> None:
    mesa, machine = office
    file = tmp_path / 'one.tif'
    sent = a_fax(file, 1, STANDARD)
    folios = len(mesa.json('folio', 'list'))
    done = machine.send('8005550101', file, '5555550176')
    assert done.status == 'SUCCESS', done
    insist_on_equal(pages_in(letter_of(mesa, '5555550176'), tmp_path), sent)
    call = eventually(lambda: [call for call in mesa.json('calls') if call['ani'] == '5555550176'],
                      lambda found: bool(found) and found[0]['disposition'] is not None, 'the call is in the log')[0]
    assert (call['disposition'], call['line'], call['path']) == ('fax', '+528005550101', 'mesa')
    assert len(mesa.json('folio', 'list')) == folios, 'a machine reports nothing'
    assert 'BadReply' not in (mesa.root / 'log' / 'mesa.log').read_text()


@pytest.mark.timeout(200)
def test_a_fax_out_of_hours_waits_for_the_opening(office: tuple[RealMesa, FaxMachine], tmp_path: Path) -> None:
    """Monday 2026-11-16 is a holiday."""
    mesa, machine = office
    file = tmp_path / 'one.tif'
    sent = a_fax(file, 1, STANDARD)
    mesa.clock('2026-11-13T20:00')
    assert machine.send(NOPALERA, file, '5555550175').status == 'SUCCESS'
    held = eventually(lambda: [fax for fax in mesa.json('fax', 'list') if fax['caller_number'] == '5555550175'],
                      lambda found: bool(found) and found[0]['state'] == 'held', 'the fax is held', DELIVERED_S)
    assert held[0]['release_at'] == '2026-11-17T14:00:00+00:00'
    mesa.clock('2026-11-17T08:00')
    letter = letter_of(mesa, '5555550175')
    insist_on_equal(pages_in(letter, tmp_path), sent)
    assert 'fuera del horario' in text_of(letter)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize('quality', [STANDARD, FINE], ids=['standard', 'fine'])
def test_faxes_of_every_length(office: tuple[RealMesa, FaxMachine], tmp_path: Path, quality: tuple[int, int]) -> None:
    """1, 5, 8 and 30 pages, together; of the long ones five go, and all of them when somebody asks."""
    mesa, machine = office
    machine.patience_s = LONG_S
    mesa.clock('2026-11-24T10:00')
    base = 5555550180 if quality == STANDARD else 5555550190
    faxes = {}
    for pages in (1, 5, 8, 30):
        file = tmp_path / f'{pages}.tif'
        faxes[str(base + min(pages, 9))] = (file, a_fax(file, pages, quality))
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda caller: machine.send(NOPALERA, faxes[caller][0], caller), faxes))
    assert [sent.status for sent in done] == ['SUCCESS'] * 4, done
    for caller, (_, pages) in faxes.items():
        folder = tmp_path / caller
        folder.mkdir()
        insist_on_equal(pages_in(letter_of(mesa, caller), folder), pages[:5])
    longest, = eventually(lambda: [fax for fax in mesa.json('fax', 'list') if fax['pages'] == 30 and fax['deliveries'] == 1],
                          lambda found: [fax['state'] for fax in found] == ['sent'], 'the books know that its letter left')
    assert mesa.mesa('fax', 'resend', longest['reference'], '--all-pages').returncode == 0
    again = eventually(lambda: [letter for letter in letters(mesa) if longest['reference'] in letter['Subject']],
                       lambda found: len(found) == 2, 'all thirty pages', DELIVERED_S)
    folder = tmp_path / 'all'
    folder.mkdir()
    insist_on_equal(pages_in(again[1], folder), faxes[longest['caller_number']][1])


@pytest.mark.long
@pytest.mark.timeout(400)
def test_eight_pages_under_both_policies(office: tuple[RealMesa, FaxMachine], tmp_path: Path) -> None:
    """One line delivers the first five; the other refuses the sender after its fifth page. Five pages are welcome at either."""
    mesa, machine = office
    mesa.clock('2026-11-24T10:00')
    eight, five = tmp_path / 'eight.tif', tmp_path / 'five.tif'
    long, short = a_fax(eight, 8, STANDARD), a_fax(five, 5, STANDARD)
    with ThreadPoolExecutor(3) as pool:
        kept, refused, welcome = pool.map(lambda order: send(machine, *order), [
            (NOPALERA, eight, '5555550161', None), (QUETZAL, eight, '5555550162', None), (QUETZAL, five, '5555550163', None)])
    assert (kept.status, refused.status == 'SUCCESS', welcome.status) == ('SUCCESS', False, 'SUCCESS'), (kept, refused, welcome)
    for name, letter, pages in (('kept', letter_of(mesa, '5555550161'), long[:5]),
                                ('welcome', letter_of(mesa, '5555550163', 'faxes@quetzal.example'), short)):
        (tmp_path / name).mkdir()
        insist_on_equal(pages_in(letter, tmp_path / name), pages)
    assert 'rechazado' in letter_of(mesa, '5555550162', 'faxes@quetzal.example')['Subject']
