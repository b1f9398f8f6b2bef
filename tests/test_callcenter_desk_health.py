"""What the page of health tells of a running desk, in Spanish, and that a part that is down is told and no other is hidden."""
from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import insert, update
from twisted.internet.task import Clock

from ami_listener.connection import LinkState
from ami_listener.live import Live
from callcenter import desk_health
from callcenter.commands import doctor
from callcenter.instance import Instance
from callcenter.ports import USUAL
from config.load import load
from config.place import Place
from config.values import Site
from storage.engine import Database
from tests import lives
from tests.lives import NOW
from tests.site_copies import copy_example
from ticketing.tables import close_calls, messages_in, outbox


def levels(findings: Any) -> list[tuple[str, str]]:
    return [(finding.level, finding.says) for finding in findings]


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    folder = copy_example(tmp_path)
    monkeypatch.setattr(doctor, 'applied_number', lambda place: 1)
    monkeypatch.setattr(Instance, 'site', lambda self: load(folder))
    (tmp_path / 'run').mkdir()
    return Instance(Place(root=tmp_path, prefix=Path('/'), ports=USUAL, fax_spool=tmp_path / 'spool'), 'sqlite:///x')


@pytest.mark.parametrize(('state', 'fresh', 'age_s', 'level', 'words'), [
    (LinkState.DENIED, False, None, 'bad', 'Asterisk rechaza la contraseña'),
    (LinkState.DOWN, False, None, 'bad', 'Todavía no llega ningún dato'),
    (LinkState.DOWN, False, 90, 'bad', 'No hay conexión con Asterisk'),
    (LinkState.UP, False, 1, 'warning', 'todavía no está completa'),
    (LinkState.UP, True, 45, 'warning', 'hace 45 segundos'),
    (LinkState.UP, True, 2, 'ok', 'hace 2 segundos'),
])
def test_the_link_to_asterisk(state: LinkState, fresh: bool, age_s: int | None, level: str, words: str,
                              monkeypatch: pytest.MonkeyPatch) -> None:
    live = Live(Clock(), ('127.0.0.1', 1), ('desk', 'x'), lambda: NOW)
    monkeypatch.setattr(live._ami, 'state', state)
    live.is_fresh, live.fresh_at = fresh, None if age_s is None else NOW - timedelta(seconds=age_s)
    (found,) = levels(desk_health.telephone(live, NOW))
    assert found[0] == level
    assert words in found[1]


def test_letters_that_a_person_must_look_at(db: Database, instance: Instance) -> None:
    desk = lives.Desk(db)
    desk.open()
    assert levels(desk_health.letters(db, instance, NOW))[-1] == ('ok', 'Ningún correo quedó sin entregar.')
    with db.write() as connection:
        connection.execute(update(outbox).values(state='waiting', due=NOW - lives.HOUR))
        connection.execute(insert(messages_in).values(message_id='m', sha256='x', received_at=NOW, sender='a@b.example', subject='s',
                                                      outcome='quarantined', reason='r'))
    found = levels(desk_health.letters(db, instance, NOW))
    assert ('warning', '1 correo espera desde hace más de 15 minutos. Vea mesa outbox list y el servidor de correo.') in found
    assert found[-1][1].startswith('1 correo recibido espera la decisión de una persona')
    with db.write() as connection:
        connection.execute(update(outbox).values(state='failed'))
    assert any(level == 'warning' and '1 correo no se entregó' in says for level, says in levels(desk_health.letters(db, instance, NOW)))


def test_close_calls_that_are_late(db: Database) -> None:
    desk = lives.Desk(db)
    number = desk.open()
    desk.life.start(number, by='ana', now=NOW)
    desk.life.resolve(number, solution='x', by='ana', now=NOW)
    assert levels(desk_health.confirmations(db, NOW)) == [('ok', 'Las llamadas de cierre van a tiempo.')]
    with db.write() as connection:
        connection.execute(update(close_calls).values(next_at=NOW - lives.HOUR))
    assert levels(desk_health.confirmations(db, NOW)) == [
        ('warning', '1 llamada de cierre está atrasada. Vea mesa close-call list.')]


def test_books_that_do_not_answer_are_told_where_they_are_needed(tmp_path: Path, instance: Instance) -> None:
    db = Database(f'sqlite:///{tmp_path}/nowhere/mesa.db', patience_s=0.2)
    site: Site = lives.site()
    serving = SimpleNamespace(instance=instance, db=db, clock=SimpleNamespace(now=lambda: NOW), standing=lambda: SimpleNamespace(site=site))
    live = Live(Clock(), ('127.0.0.1', 1), ('desk', 'x'), lambda: NOW)
    report = desk_health.health_of(serving, live).report()
    parts = {part.title: part for part in report.parts}
    assert {title for title, part in parts.items() if part.level == 'bad'} >= {'Central telefónica', 'Base de datos', 'Llamadas', 'Correo'}
    assert parts['Llamadas'].findings[0].says == desk_health.BOOKS_DOWN
    assert parts['Disco y contraseñas'].level in ('ok', 'warning')
    assert parts['Sitio y calendarios'].findings[-1].says.startswith('No se pudo revisar')     # this standing knows no generation
    db.close()


def test_every_finding_of_the_doctor_has_spanish_words(instance: Instance) -> None:
    found = [finding for look in (doctor.programs, doctor.asterisk, doctor.own_name) for finding in look()]
    found += [finding for part in doctor.OF_AN_INSTANCE for finding in part(instance)]
    assert len(found) > 8
    assert all(finding.says and finding.says != finding.text for finding in found)
