"""HylaFAX's and the modems' files from a site, and the dialplan that leads to the modems (mission.md 5.1, 5.2, 3.7)."""
from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from config.hylafax import clients_allowed, modem_files, modem_program, own_number, refusing_lines, server_files
from config.load import load
from config.place import MOST_MODEMS, Modem, Place, Ports, Secrets
from config.render import render
from config.rendered import steps_of
from config.values import FaxSettings, Site

EXAMPLE = Path(__file__).resolve().parent.parent / 'config' / 'example'
PORTS = Ports(sip=5060, agi=4573, ami=5038, rtp_start=10000, rtp_end=14999)
PLACE = Place(root=Path('/srv/mesa'), prefix=Path('/'), ports=PORTS, fax_spool=Path('/var/spool/mesa/0123'))
MODEM = Modem(4670)


@pytest.fixture(scope='module')
def site() -> Site:
    return load(EXAMPLE)


def secrets(site: Site) -> Secrets:
    return Secrets('a', 'b', dict.fromkeys(site.agents, 'c'), fax_modem='of-modems', hfaxd='of-clients')


def files_of(site: Site, modems: int = 2) -> dict[str, str]:
    wanted = replace(site, fax_server=FaxSettings(modems, Decimal('1.50')))
    return render(wanted, PLACE, secrets(site))


def steps(site: Site, context: str, modems: int = 2) -> list[tuple[str, str]]:
    return [(step.application, step.arguments) for step in steps_of(files_of(site, modems)) if step.context == context]


def test_a_modem_is_named_by_its_port() -> None:
    assert (MODEM.name, MODEM.device, MODEM.peer) == ('ttyIAX4670', Path('/dev/ttyIAX4670'), 'modem-4670')
    assert [modem.port for modem in PLACE.modems(3)] == [4670, 4671, 4672]
    assert len(PLACE.modems(99)) == MOST_MODEMS
    assert PLACE.modems(0) == ()


def test_each_modem_is_a_peer_of_asterisk_on_this_machine_alone(site: Site) -> None:
    iax = files_of(site)['iax.conf']
    assert 'bindaddr = 127.0.0.1:4569\n' in iax and 'bindport =' not in iax
    assert iax.count('host = 127.0.0.1') == iax.count('secret = of-modems') == 2
    assert '[modem-4671]' in iax and 'port = 4671' in iax and '[modem-4672]' not in iax
    assert '[modem' not in files_of(site, 0)['iax.conf']


def test_a_fax_rings_the_modems_in_turn_and_is_else_told_busy(site: Site) -> None:
    mesa_fax = steps(site, 'mesa-fax')
    dialled = [arguments.partition(',')[0] for application, arguments in mesa_fax if application == 'Dial']
    assert dialled == ['IAX2/modem-4670/${EXTEN:1}', 'IAX2/modem-4671/${EXTEN:1}']
    assert mesa_fax[-3:] == [('CELGenUserEvent', 'MESA_FAX,${MESA_FAX}'), ('Hangup', '17'), ('Hangup', '16')]


def test_without_modems_it_is_told_busy_at_once(site: Site) -> None:
    assert [application for application, _ in steps(site, 'mesa-fax', 0)] == ['Set'] * 4 + ['CELGenUserEvent', 'Hangup', 'Hangup']


def test_a_stranger_s_words_are_filtered_before_a_modem_hears_them(site: Site) -> None:
    names = [application for application, _ in steps(site, 'mesa-fax')]
    filtered = [arguments for application, arguments in steps(site, 'mesa-fax')[:names.index('Dial')] if 'FILTER' in arguments]
    assert len(filtered) == 2


def test_without_a_trunk_our_own_faxes_reach_only_our_own_lines(site: Site) -> None:
    lonely = replace(site, trunks=tuple(replace(trunk, outbound='') for trunk in site.trunks))
    assert 'Dial' not in {application for application, _ in steps(lonely, 'mesa-fax-out')}
    assert [arguments for _, arguments in steps(lonely, 'from-faxmodem')].count('mesa-line,+528005550105,1') == 4
    assert own_number(lonely) == ''
    assert own_number(site) == '5555550900'


def test_what_hylafax_reads(site: Site) -> None:
    server, modem = server_files(site, PLACE), modem_files(site, PLACE, MODEM)
    assert set(server) == {'etc/config', 'etc/dialrules', 'etc/mesa-lines'} and set(modem) == {'etc/config.ttyIAX4670'}
    text = modem['etc/config.ttyIAX4670']
    patterns = [line.split('"')[1] for line in text.splitlines() if line.startswith('CallIDPattern')]
    assert patterns == ['NMBR=', 'NAME=', 'NDID='], 'arguments 5, 6 and 7 of the hook'
    assert 'MaxBatchJobs:\t\t1' in server['etc/config'].splitlines(), 'one call with the faxes of two clients is paid by one'
    for line in ('FAXNumber:\t\t5555550900', 'RecvFileMode:\t\t0640', 'MaxRecvPages:\t\t200', 'FaxRcvdCmd:\t\tbin/mesa-received',
                 'UUCPLockDir:\t\t/var/spool/mesa/0123/locks', 'PollLockWait:\t\t5', 'PollModemWait:\t\t5',
                 'MaxSetupAttempts:\t12'):
        assert line in text.splitlines()


def test_a_modem_calls_on_loopback_with_its_password(site: Site) -> None:
    text = modem_program(site, PLACE, MODEM, secrets(site))
    words = dict(line.split('\t', 1) for line in text.splitlines() if '\t' in line)
    words = {name: value.strip() for name, value in words.items()}
    assert (words['device'], words['port'], words['server']) == ('/dev/ttyIAX4670', '4670', '127.0.0.1:4569')
    assert (words['peername'], words['secret'], words['refresh']) == ('modem-4670', 'of-modems', '0')
    assert text.splitlines()[-1] == 'nodaemon'


def test_only_our_own_user_may_ask_hfaxd() -> None:
    lines = clients_allowed(10, '$6$salt$hash').splitlines()
    assert lines == ['^mesa@localhost$:10:$6$salt$hash:', r'^mesa@127\.0\.0\.1$:10:$6$salt$hash:']


def test_only_lines_whose_contract_says_so_refuse_long_faxes(site: Site) -> None:
    assert refusing_lines(site) == ''
    client = site.clients['quetzal']
    strict = replace(client, policy=replace(client.policy, fax_too_long='reject', fax_pages=3))
    assert refusing_lines(replace(site, clients={**site.clients, 'quetzal': strict})) == '528005550205 2\n'
