"""HylaFAX's hook and its script for one call: whatever a stranger sends, however often, together, and on a full disk (mission.md 5.4)."""
from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.hylafax import FOLDER

HOOK, DYNAMIC = FOLDER / 'mesa-received', FOLDER / 'mesa-dynamic'
HOSTILE = ['$(touch owned)', '`touch owned`', 'a"b\'c', 'two\nlines', '; touch owned #', '-n',
           '\\0\\n%s%d', '../../etc/passwd', 'ñandú', '']
NO_NAMES = ['', 'recvq/', 'recvq/.tif', '../etc/passwd', 'recvq/../../x.tif', 'recvq/a b.tif', 'recvq/$(id).tif', '/etc/passwd']


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    for name in ('recvq', 'inbox', 'log', 'etc'):
        (tmp_path / name).mkdir()
    return tmp_path


def received(spool: Path, name: str = 'fax000000001.tif') -> Path:
    file = spool / 'recvq' / name
    file.write_bytes(b'II*\0' + os.urandom(500))
    return file


def hook(spool: Path, *words: str) -> int:
    return subprocess.run([str(HOOK), *words], cwd=spool, check=False, capture_output=True).returncode


def args_of(spool: Path, stem: str = 'fax000000001') -> list[str]:
    text = (spool / 'inbox' / f'{stem}.args').read_bytes().decode()
    *words, end, nothing = text.split('\0')
    assert nothing == '' and end in ('end=', 'end=EOP')
    return words


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


@pytest.mark.parametrize('word', HOSTILE)
def test_what_a_stranger_says_is_written_and_nothing_else(spool: Path, word: str) -> None:
    file = received(spool)
    words = ['recvq/fax000000001.tif', 'ttyIAX4670', '000000012', word, word, word, word]
    assert hook(spool, *words) == 0
    assert args_of(spool) == words
    assert (spool / 'inbox' / 'fax000000001.tif').samefile(file)
    assert names(spool / 'inbox') == ['fax000000001.args', 'fax000000001.tif']
    assert not list(spool.rglob('owned'))


def test_whether_the_sender_said_that_this_was_his_last_page(spool: Path) -> None:
    (spool / 'log' / 'c000000012').write_text('Nov 27 10:00:00.00: [ 1]: RECV recv EOP (no more pages or documents)\n')
    (spool / 'log' / 'c000000013').write_text('Nov 27 10:00:00.00: [ 1]: RECV recv MPS (more pages, same document)\n')
    for stem, commid, end in (('fax000000001', '000000012', 'EOP'), ('fax000000002', '000000013', ''), ('fax000000003', '000000014', ''),
                              ('fax000000004', '../log/c000000012', '')):
        received(spool, f'{stem}.tif')
        assert hook(spool, f'recvq/{stem}.tif', 'ttyIAX4670', commid) == 0
        assert (spool / 'inbox' / f'{stem}.args').read_text().endswith(f'{commid}\0end={end}\0')


@pytest.mark.parametrize('name', NO_NAMES)
def test_a_name_that_is_none_is_refused(spool: Path, name: str) -> None:
    assert hook(spool, name, 'ttyIAX4670') == 0
    assert hook(spool) == 0
    assert names(spool / 'inbox') == []
    assert 'refused' in (spool / 'log' / 'mesa-received').read_text()


def test_a_fax_that_is_in_the_books_already_is_left_alone(spool: Path) -> None:
    assert hook(spool, 'recvq/fax000000001.tif', 'ttyIAX4670') == 0
    assert names(spool / 'inbox') == []
    (spool / 'recvq' / 'fax000000002.tif').symlink_to('/etc/passwd')
    assert hook(spool, 'recvq/fax000000002.tif', 'ttyIAX4670') == 0
    assert names(spool / 'inbox') == []


def test_twice_is_once(spool: Path) -> None:
    received(spool)
    for reason in ('first', 'second'):
        assert hook(spool, 'recvq/fax000000001.tif', 'ttyIAX4670', '1', reason) == 0
    assert args_of(spool)[3] == 'second'
    assert names(spool / 'inbox') == ['fax000000001.args', 'fax000000001.tif']


def test_another_fax_of_the_same_name_is_not_mixed_up(spool: Path) -> None:
    received(spool)
    (spool / 'inbox' / 'fax000000001.tif').write_bytes(b'of yesterday')
    assert hook(spool, 'recvq/fax000000001.tif', 'ttyIAX4670') == 0
    assert names(spool / 'inbox') == ['fax000000001.tif'], 'it waits in recvq'
    assert 'not put into the inbox' in (spool / 'log' / 'mesa-received').read_text()


def test_fifty_at_once_and_each_of_them_twice(spool: Path) -> None:
    stems = [f'fax{number:09}' for number in range(1, 51)]
    for stem in stems:
        received(spool, f'{stem}.tif')
    calls = [subprocess.Popen([str(HOOK), f'recvq/{stem}.tif', 'ttyIAX4670', stem], cwd=spool) for stem in stems * 2]
    assert {call.wait() for call in calls} == {0}
    assert names(spool / 'inbox') == sorted(f'{stem}.{kind}' for stem in stems for kind in ('args', 'tif'))
    assert [args_of(spool, stem)[2] for stem in stems] == stems


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own, full to the last byte."""
    disk = tmp_path / 'disk'
    disk.mkdir()
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', str(disk)], capture_output=True, check=False).returncode:
        pytest.skip('only root may mount')
    try:
        for name in ('recvq', 'inbox', 'log', 'etc'):
            (disk / name).mkdir()
        received(disk)
        with (disk / 'filler').open('wb', buffering=0) as filler, pytest.raises(OSError):
            while True:
                filler.write(bytes(4096))
        yield disk
    finally:
        subprocess.run(['umount', str(disk)], check=True)


def test_on_a_full_disk_the_fax_waits_in_recvq(full_disk: Path) -> None:
    assert hook(full_disk, 'recvq/fax000000001.tif', 'ttyIAX4670') == 0
    assert (full_disk / 'recvq' / 'fax000000001.tif').stat().st_size == 504
    assert not list((full_disk / 'inbox').glob('*.args')) and not list((full_disk / 'inbox').glob('.*'))
    (full_disk / 'filler').unlink()
    assert hook(full_disk, 'recvq/fax000000001.tif', 'ttyIAX4670') == 0
    assert names(full_disk / 'inbox') == ['fax000000001.args', 'fax000000001.tif']


def answer(spool: Path, *words: str) -> list[str]:
    return subprocess.run([str(DYNAMIC), *words], cwd=spool, check=True, capture_output=True, text=True).stdout.splitlines()


def test_a_line_that_refuses_long_faxes_says_after_how_many_pages(spool: Path) -> None:
    (spool / 'etc' / 'mesa-lines').write_text('528005550105 5\n528005550205 12\n')
    assert answer(spool, 'ttyIAX4670', '5555551234', '', '528005550105') == ['LocalIdentifier: "+528005550105"', 'MaxRecvPages: 5']
    assert answer(spool, 'ttyIAX4670', '5555551234', 'x', '528005550205') == ['LocalIdentifier: "+528005550205"', 'MaxRecvPages: 12']
    assert answer(spool, 'ttyIAX4670', '', '', '528005550999') == ['LocalIdentifier: "+528005550999"']


@pytest.mark.parametrize('called', [*HOSTILE, '5280$(id)', '.*'])
def test_a_called_number_that_is_none_sets_nothing(spool: Path, called: str) -> None:
    (spool / 'etc' / 'mesa-lines').write_text('528005550105 5\n')
    assert answer(spool, 'ttyIAX4670', '5555551234', '', called) == []
    assert answer(spool, 'ttyIAX4670') == []


def test_without_its_list_it_refuses_nobody(spool: Path) -> None:
    assert answer(spool, 'ttyIAX4670', '', '', '528005550105') == ['LocalIdentifier: "+528005550105"']
