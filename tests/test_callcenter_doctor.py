"""The doctor's look at the machine's own name, and at where letters go."""
from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from callcenter.commands import doctor
from callcenter.instance import Instance
from callcenter.ports import USUAL
from config.load import load
from config.place import Place
from tests.site_copies import copy_example, edit


def level_and_text(name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    monkeypatch.setattr(socket, 'gethostname', lambda: name)
    found, = doctor.own_name()
    return found.level, found.text


def test_a_name_that_resolves_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    level, text = level_and_text('localhost', monkeypatch)
    assert level == 'ok'
    assert 'localhost' in text


def test_a_name_that_nobody_knows_is_a_warning_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    level, text = level_and_text('no..name', monkeypatch)
    assert level == 'warning'
    assert 'add "127.0.1.1 no..name" to /etc/hosts' in text


def test_a_name_that_takes_its_time_keeps_calls_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(doctor, '_addresses', lambda name: release.wait(30) and [])
    monkeypatch.setattr(doctor, 'DNS_PATIENCE_S', 0.05)
    try:
        level, text = level_and_text('slow.example', monkeypatch)
    finally:
        release.set()
    assert level == 'bad'
    assert 'every call waits for that: add "127.0.1.1 slow.example" to /etc/hosts' in text


@pytest.mark.parametrize(('edits', 'passwords', 'expected'), [
    ('', {}, [('ok', 'letters go into')]),
    ('smtp = "127.0.0.1:25"\nsmtp_user = "mesa"\n', {}, [('ok', 'letters go to 127.0.0.1:25'), ('bad', 'smtp_user has no password')]),
    ('smtp = "127.0.0.1:25"\nsmtp_user = "mesa"\n', {'smtp': 'x'}, [('ok', 'letters go to 127.0.0.1:25')]),
    ('imap = "127.0.0.1:993"\nimap_user = "mesa"\n', {'smtp': 'x'}, [('ok', 'letters go into'), ('bad', 'imap_user has no password')]),
])
def test_where_letters_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edits: str, passwords: dict[str, str],
                          expected: list[tuple[str, str]]) -> None:
    folder = copy_example(tmp_path)
    edit(folder, 'site.toml', '[mail]\n', '[mail]\n' + edits)
    monkeypatch.setattr(doctor, 'applied_number', lambda place: 1)
    place = Place(root=tmp_path, prefix=Path('/'), ports=USUAL)
    monkeypatch.setattr(Instance, 'site', lambda self: load(folder))
    (tmp_path / 'run').mkdir()
    (tmp_path / 'secrets.toml').write_text('[mail]\n' + ''.join(f'{name} = "{word}"\n' for name, word in passwords.items()))
    found = list(doctor.mail(Instance(place, 'sqlite:///x')))
    assert [finding.level for finding in found] == [level for level, _ in expected]
    assert all(words in finding.text for finding, (_, words) in zip(found, expected, strict=True))
