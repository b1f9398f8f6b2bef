"""An instance is made once, keeps what it is told, and keeps its passwords to itself."""
from __future__ import annotations

import socket
import stat
import threading
import tomllib
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from callcenter.applied import applied_files, applied_number, applied_numbers, lay_down, switch_to
from callcenter.console import Complaint
from callcenter.instance import EXAMPLE, SPOOLS, Instance
from callcenter.ports import USUAL, free_ports, is_free, usual_ports
from config.load import load
from config.place import MOST_MODEMS
from config.values import Agent


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    monkeypatch.setenv('MESA_FREE_PORTS', '1')
    monkeypatch.delenv('MESA_DATABASE', raising=False)
    return Instance.create(tmp_path)


def test_a_folder_without_an_instance_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(Complaint, match='mesa up'):
        Instance.open(tmp_path)


def test_what_is_made_is_what_is_opened(instance: Instance) -> None:
    assert Instance.open(instance.root) == instance
    assert Instance.create(instance.root) == instance
    assert instance.database_url == f'sqlite:///{instance.root}/mesa.db'


def test_the_site_is_a_copy_of_the_example(instance: Instance) -> None:
    copied = {file.relative_to(instance.place.edited_site) for file in instance.place.edited_site.rglob('*')}
    assert copied == {file.relative_to(EXAMPLE) for file in EXAMPLE.rglob('*')}


def test_an_edited_site_is_never_overwritten(instance: Instance) -> None:
    file = instance.place.edited_site / 'site.toml'
    file.write_text('# mine\n')
    Instance.create(instance.root)
    assert file.read_text() == '# mine\n'


def test_two_that_start_together_make_one_instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('MESA_FREE_PORTS', '1')
    made: list[Instance] = []
    threads = [threading.Thread(target=lambda: made.append(Instance.create(tmp_path))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    assert len({one.place.ports for one in made}) == 1


def test_the_database_may_be_another(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    file = instance.root / 'instance.toml'
    file.write_text('database = "postgresql+psycopg://mesa@db.example/mesa"\n' + file.read_text())
    assert Instance.open(instance.root).database_url == 'postgresql+psycopg://mesa@db.example/mesa'
    monkeypatch.setenv('MESA_DATABASE', 'sqlite:////tmp/other.db')
    assert Instance.open(instance.root).database_url == 'sqlite:////tmp/other.db'


def test_an_instance_of_an_older_mesa_gets_what_it_lacks(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    file = instance.root / 'instance.toml'
    old = [line for line in file.read_text().splitlines() if not line.startswith(('fax_spool', 'iax', 'hfaxd', 'modems'))]
    file.write_text('\n'.join([*old, '# mine', '[other]', 'x = 1', '']))
    assert Instance.open(instance.root).place.ports.sip == instance.place.ports.sip, 'commands work before the first start, too'
    completed = Instance.create(instance.root).place
    new = {'iax': 0, 'hfaxd': 0, 'modems': 0}
    assert asdict(completed.ports) | new == asdict(instance.place.ports) | new
    assert completed.fax_spool.parent == SPOOLS and completed.fax_spool != instance.place.fax_spool
    assert len({completed.ports.iax, completed.ports.hfaxd, completed.ports.modems}) == 3
    text = file.read_text()
    assert [line for line in old if line not in text.splitlines()] == [] and '# mine' in text
    assert Instance.create(instance.root).place == completed
    assert file.read_text() == text


def test_each_instance_has_a_fax_spool_of_its_own(tmp_path: Path, instance: Instance) -> None:
    (tmp_path / 'second').mkdir()
    assert Instance.create(tmp_path / 'second').place.fax_spool != instance.place.fax_spool
    assert [stat.S_IMODE((instance.place.fax / name).stat().st_mode) for name in ('tiff', 'pdf')] == [0o750] * 2


@pytest.mark.parametrize('text', ['[ports', 'x = 1', '[ports]\nsip = 5060',
                                  '[ports]\nsip = 1\nagi = 2\nami = 3\nrtp_start = 4\nrtp_end = 5\nfoo = 6'])
def test_a_damaged_file_is_named(instance: Instance, text: str) -> None:
    file = instance.root / 'instance.toml'
    file.write_text(text)
    with pytest.raises(Complaint, match=r'instance\.toml cannot be used'):
        Instance.open(instance.root)


def test_a_folder_too_deep_for_a_socket_is_refused(tmp_path: Path) -> None:
    deep = tmp_path / ('x' * 100)
    with pytest.raises(Complaint, match='bytes too long'):
        Instance.create(deep)
    assert not deep.exists()


def test_passwords_are_made_once_and_are_the_owners_alone(instance: Instance) -> None:
    site = load(EXAMPLE)
    secrets = instance.secrets(site)
    assert instance.secrets(site) == secrets
    assert set(secrets.agents) == set(site.agents)
    assert len({secrets.ami_mesa, secrets.ami_probe, *secrets.agents.values()}) == 2 + len(site.agents)
    assert stat.S_IMODE((instance.root / 'secrets.toml').stat().st_mode) == 0o600
    assert secrets.ami_mesa not in repr(secrets)


def test_a_new_agent_gets_a_password_and_the_others_keep_theirs(instance: Instance) -> None:
    site = load(EXAMPLE)
    before = instance.secrets(site)
    after = instance.secrets(replace(site, agents={**site.agents, 'ñandú "x"': Agent('ñandú "x"', 'Ñ', '1999', ())}))
    assert after.agents['ñandú "x"']
    assert {login: after.agents[login] for login in before.agents} == before.agents
    assert tomllib.loads((instance.root / 'secrets.toml').read_text())['agents'] == after.agents


def test_free_ports_are_free_and_differ() -> None:
    ports = free_ports()
    assert len({ports.sip, ports.agi, ports.ami, ports.iax, ports.hfaxd, ports.modems}) == 6
    assert all(is_free(port) for port in (ports.iax, ports.hfaxd, *range(ports.modems, ports.modems + MOST_MODEMS)))
    assert all(is_free(port) for port in (ports.sip, ports.agi, ports.ami))
    assert ports.rtp_start % 2 == 0
    assert ports.rtp_end > ports.rtp_start


@pytest.mark.parametrize('kind', [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_usual_port_that_is_taken_is_not_chosen(kind: socket.SocketKind) -> None:
    with closing(socket.socket(socket.AF_INET, kind)) as holder:
        try:
            holder.bind(('127.0.0.1', USUAL.ami))
            if kind == socket.SOCK_STREAM:
                holder.listen()
        except OSError:
            pass                                       # somebody else has it already: just as good
        chosen = usual_ports()
    assert chosen.ami != USUAL.ami
    assert asdict(chosen)['rtp_start'] == USUAL.rtp_start


def test_an_apply_is_laid_down_whole_and_put_in_force_by_one_link(instance: Instance) -> None:
    place = instance.place
    assert applied_number(place) is None
    assert lay_down(place, place.edited_site, {'a.conf': 'one', 'custom/mine.conf': 'mine'}) == 1
    assert applied_number(place) is None
    switch_to(place, 1)
    assert lay_down(place, place.edited_site, {'a.conf': 'two'}) == 2
    assert applied_files(place) == {'a.conf': 'one', 'custom/mine.conf': 'mine'}
    switch_to(place, 2)
    assert (applied_number(place), applied_numbers(place)) == (2, [1, 2])
    assert applied_files(place) == {'a.conf': 'two'}
    assert load(place.site) == load(EXAMPLE) and instance.site() == instance.today_s(load(EXAMPLE))
    assert stat.S_IMODE((place.applied / '2' / 'asterisk').stat().st_mode) == 0o700
