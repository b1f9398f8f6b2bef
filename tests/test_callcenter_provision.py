"""Getting an Asterisk. What apt and dpkg do is tried by hand and by the first `mesa up` of a machine; here: what we make of it."""
from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from callcenter.console import Complaint
from callcenter.provision import (
    PRIVATE_PREFIX,
    SYSTEM,
    asterisk_command,
    asterisk_prefix,
    asterisk_version,
    ensure_asterisk,
    install_private,
    record,
    triplet,
    write_record,
)


def fake_asterisk(prefix: Path, says: str) -> None:
    """A prefix whose loader is a script that speaks as Asterisk would."""
    for file in (prefix / 'usr/sbin/asterisk', prefix / 'usr/lib64/ld-linux-x86-64.so.2'):
        file.parent.mkdir(parents=True)
        file.write_text(f'#!/bin/sh\necho "{says}"\n')
        file.chmod(0o755)


def test_a_private_copy_runs_through_its_own_loader(tmp_path: Path) -> None:
    fake_asterisk(tmp_path, 'Asterisk 22.10.1+dfsg')
    loader, option, libraries, program = asterisk_command(tmp_path)
    assert loader == str(tmp_path / 'usr/lib64/ld-linux-x86-64.so.2')
    assert option == '--library-path'
    assert libraries.split(':') == [f'{tmp_path}/usr/lib/{triplet()}', f'{tmp_path}/usr/lib/{triplet()}/asterisk']
    assert program == str(tmp_path / 'usr/sbin/asterisk')
    assert asterisk_version(tmp_path) == '22.10.1'


def test_a_prefix_without_asterisk_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Complaint, match='mesa up'):
        asterisk_command(tmp_path)


def test_a_copy_without_loader_says_what_to_do(tmp_path: Path) -> None:
    fake_asterisk(tmp_path, 'Asterisk 22.10.1')
    (tmp_path / 'usr/lib64/ld-linux-x86-64.so.2').unlink()
    with pytest.raises(Complaint, match='lost its loader'):
        asterisk_command(tmp_path)


def test_words_that_are_no_version_are_refused(tmp_path: Path) -> None:
    fake_asterisk(tmp_path, 'segmentation fault')
    with pytest.raises(Complaint, match='does not tell its version'):
        asterisk_version(tmp_path)


def test_the_record_names_every_package_with_its_hash(tmp_path: Path) -> None:
    fake_asterisk(tmp_path / 'prefix', 'Asterisk 22.10.1')
    archive = tmp_path / 'asterisk_22_amd64.deb'
    archive.write_bytes(b'deb')
    write_record(tmp_path / 'prefix', 'forky', [archive])
    told = record(tmp_path / 'prefix')
    assert told is not None
    assert told['packages'] == {archive.name: hashlib.sha256(b'deb').hexdigest()}
    assert (told['suite'], told['version']) == ('forky', '22.10.1')


def test_another_major_version_is_not_taken(tmp_path: Path) -> None:
    fake_asterisk(tmp_path, 'Asterisk 24.1.0')
    with pytest.raises(Complaint, match=r'gave Asterisk 24\.1\.0, not 22'):
        write_record(tmp_path, 'sid', [])


def test_the_named_prefix_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('MESA_ASTERISK_PREFIX', str(tmp_path))
    assert asterisk_prefix() == tmp_path
    fake_asterisk(tmp_path, 'Asterisk 22.10.1')
    assert ensure_asterisk() == tmp_path


def test_without_a_name_it_is_the_private_copy_or_the_distributions_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv('MESA_ASTERISK_PREFIX', raising=False)
    assert asterisk_prefix() in (PRIVATE_PREFIX, SYSTEM)


def test_a_folder_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / 'prefix').mkdir()
    (tmp_path / 'prefix' / 'precious').write_text('mine')
    with pytest.raises(Complaint, match='Move it away'):
        install_private(tmp_path / 'prefix')
    assert (tmp_path / 'prefix' / 'precious').read_text() == 'mine'


def test_a_failed_download_leaves_nothing_and_tells_what_apt_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / 'bin'
    programs.mkdir()
    (programs / 'apt-get').write_text("""#!/bin/sh
        . /etc/os-release
        case "$1" in indextargets) echo "http://mirror.example $VERSION_CODENAME"; exit;; esac
        echo "E: Temporary failure resolving mirror.example"; exit 100
    """)
    (programs / 'apt-get').chmod(0o755)
    monkeypatch.setenv('PATH', f'{programs}:{os.environ["PATH"]}')
    with pytest.raises(Complaint, match='Temporary failure resolving'):
        install_private(tmp_path / 'somewhere' / 'asterisk')
    assert [file.name for file in (tmp_path / 'somewhere').iterdir()] == ['.asterisk.lock']


def test_the_real_one_starts() -> None:
    done = subprocess.run([*asterisk_command(ensure_asterisk()), '-V'], capture_output=True, text=True, check=True)
    assert done.stdout.startswith('Asterisk ')
