"""The doctor's look at the machine's own name."""
from __future__ import annotations

import socket
import threading

import pytest

from callcenter.commands import doctor


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
