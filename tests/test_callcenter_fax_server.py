"""What programs of the fax server leave behind when they are killed, and how it is tidied up before the next ones start."""
from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from callcenter.fax_server import free_device, free_locks
from config.place import Place, Ports

NAME, OTHER = 'ttyIAX4670', 'ttyIAX4671'


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An instance's place with a spool in which both modems were at work."""
    made = Place(root=tmp_path / 'var', prefix=Path('/'), ports=Ports(1, 2, 3, 4, 5), fax_spool=tmp_path / 'spool')
    for folder in ('recvq', 'locks', 'status'):
        (made.fax_spool / folder).mkdir(parents=True)
    for name in (NAME, OTHER):
        (made.fax_spool / 'status' / name).write_text('Running and idle\n')
        (made.fax_spool / 'locks' / f'LCK..{name}').write_text(f'{2 ** 22 + 1:10}\n')      # more than any process id
    return made


def test_what_a_killed_faxgetty_was_receiving_can_be_read(place: Place) -> None:
    coming, link, elsewhere = (place.fax_spool / name for name in ('recvq/fax000000001.tif', 'recvq/fax000000002.tif', 'elsewhere'))
    for file in (coming, elsewhere):
        file.touch(0o600)
    link.symlink_to(elsewhere)
    free_device(place, NAME)
    assert [stat.S_IMODE(file.stat().st_mode) for file in (coming, elsewhere)] == [0o640, 0o600]


def test_a_modem_has_neither_lock_nor_words_of_a_dead_program(place: Place) -> None:
    free_device(place, NAME)
    assert [file.name for folder in ('locks', 'status') for file in (place.fax_spool / folder).iterdir()] == [f'LCK..{OTHER}', OTHER]


def test_a_lock_of_a_program_that_sends_stays_and_one_of_a_stranger_with_its_number_goes(place: Place, tmp_path: Path) -> None:
    faxsend = Path(shutil.copy('/bin/sleep', tmp_path / 'faxsend'))
    lock = place.fax_spool / 'locks' / f'LCK..{NAME}'
    with subprocess.Popen([faxsend, '60']) as sending:
        lock.write_text(f'{sending.pid:10}\n')
        free_device(place, NAME)
        stays = lock.exists()
        sending.kill()
    lock.write_text(f'{os.getpid():10}\n')
    free_device(place, NAME)
    assert stays and not lock.exists()


def test_half_made_locks_go_when_nothing_runs(place: Place) -> None:
    (place.fax_spool / 'locks' / 'TM.faxa1b2c3').touch()
    free_locks(place)
    assert {file.name for file in (place.fax_spool / 'locks').iterdir()} == {f'LCK..{NAME}', f'LCK..{OTHER}'}
