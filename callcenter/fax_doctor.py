"""What is wrong with the fax server: each link of the chain, from the programs to the faxes that nobody has taken."""
from __future__ import annotations

import os
import re
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from callcenter.asterisk import Asterisk
from callcenter.commands.fax_modems import states_of
from callcenter.console import Complaint
from callcenter.fax_server import PROGRAMS, group, lacking
from callcenter.instance import Instance
from callcenter.running import state, supervisor_pid
from config.hylafax import SCRIPTS
from config.place import Place
from config.values import Site
from fax.modems import DOWN

Told = tuple[Literal['ok', 'warning', 'bad'], str, str]    # the last one is in Spanish, for the desk
WAITS_TOO_LONG_S = 300
ANSWERS_S = 3.0
PEER = re.compile(r'^(\S+) +127\.0\.0\.1 .* (OK|LAGGED|UNREACHABLE|UNKNOWN)\b', re.MULTILINE)
MODEM_STATES = {'idle': 'libre', 'receiving': 'recibiendo', 'sending': 'enviando'}
OTHERS = {'/usr/bin/sendfax': 'sends faxes', '/usr/bin/tiffinfo': 'looks at received faxes'}


def examine_fax(instance: Instance, site: Site) -> Iterator[Told]:
    """Everything that is looked at; one line when the site has no fax server."""
    if not site.fax_server.modems:
        yield 'ok', 'this site has no fax server ([fax] modems in site.toml)', 'Este sitio no tiene servidor de fax.'
        return
    yield from installed()
    yield from spool_in_order(instance.place)
    if supervisor_pid(instance.root):
        yield from running(instance)
    yield from waiting(instance.place)


def installed() -> Iterator[Told]:
    """The programs, and whether we may run them."""
    missing = [program for program in [*PROGRAMS.values(), *OTHERS] if not os.access(program, os.X_OK)]
    for program in missing:
        yield ('bad', f'{program} is missing, and the fax server needs it: ./mesa up installs it, as root',
               f'Falta {program}, que el servidor de fax necesita. Ejecute ./mesa up como root: lo instala.')
    if not missing:
        why = lacking()
        yield ('warning', why, f'El servidor de fax no puede trabajar: {why}') if why else (
            'ok', 'the programs of the fax server are installed', 'Los programas del servidor de fax están instalados.')


def spool_in_order(place: Place) -> Iterator[Told]:
    """The spool, whose owner, group and modes let both HylaFAX and Mesa work in it, and nobody else."""
    spool = place.fax_spool
    if not spool.is_dir():
        yield ('warning', f"there is no {spool} yet, HylaFAX's spool: mesa up makes it",
               f'Todavía no existe {spool}, la carpeta de HylaFAX. Ejecute mesa up.')
        return
    wrong = [*_wrong_folders(spool), *(f'{spool}/bin/{name} cannot be run' for name in SCRIPTS if not _runs(spool / 'bin' / name))]
    for text in wrong:
        yield 'bad', f'{text}: mesa down, mesa up', f'Algo está mal en la carpeta de fax ({text}). Ejecute mesa down y mesa up.'
    if not wrong:
        yield 'ok', f'{spool} is as HylaFAX and Mesa need it, with its hook', 'La carpeta de HylaFAX está en orden.'


def running(instance: Instance) -> Iterator[Told]:
    """The programs that should be at work now."""
    if why := state(instance.root).get('fax', {}).get('wrong'):
        yield 'bad', why, f'El servidor de fax no está en marcha: {why}'
        return
    port = instance.place.ports.hfaxd
    yield ('ok', f'hfaxd answers on port {port}', 'El programa que envía faxes responde.') if _greets(port) else (
        'bad', f'hfaxd does not answer on port {port}, so no fax can be sent: see {instance.place.log}/hfaxd.log, and the system log',
        f'hfaxd no responde en el puerto {port} y no se pueden enviar faxes. Vea {instance.place.log}/hfaxd.log.')
    known = _peers(instance.place)
    for modem, now in zip(instance.place.modems(len(states_of(instance))), states_of(instance), strict=True):
        if now.state == DOWN:
            just_started = now.text.startswith('Initializing')
            yield ('warning' if just_started else 'bad', f'modem {modem.name} takes no calls{" yet" if just_started else ""}: {now.text}',
                   f'El módem {modem.name} {"todavía no toma llamadas" if just_started else "no toma llamadas"}: {now.text}.')
        elif not modem.device.exists():
            yield ('bad', f'modem {modem.name} has no device {modem.device}: see {instance.place.log}/modem-{modem.name}.log',
                   f'El módem {modem.name} no tiene dispositivo. Vea {instance.place.log}/modem-{modem.name}.log.')
        elif known.get(modem.peer) != 'OK':
            yield ('bad', f'Asterisk does not reach modem {modem.name}: iax2 show peers tells {known.get(modem.peer, "nothing of it")}',
                   f'Asterisk no alcanza el módem {modem.name}: iax2 show peers dice {known.get(modem.peer, "nada de él")}.')
        else:
            yield ('ok', f'modem {modem.name} is {now.state}, and Asterisk reaches it',
                   f'El módem {modem.name} está {MODEM_STATES.get(now.state, now.state)}.')


def waiting(place: Place) -> Iterator[Told]:
    """Faxes that came in and that Mesa has not taken into its books."""
    before = time.time() - WAITS_TOO_LONG_S
    for folder in (place.fax_inbox, place.fax_spool / 'recvq'):
        late = [file.name for file in folder.glob('fax*.tif') if _modified(file) < before] if folder.is_dir() else []
        if late:
            yield ('bad', f'{len(late)} received fax(es) wait in {folder} for over five minutes, {late[0]} first: see {place.log}/mesa.log',
                   f'{len(late)} faxes recibidos esperan en {folder} desde hace más de cinco minutos. Vea {place.log}/mesa.log.')


def _wrong_folders(spool: Path) -> Iterator[str]:
    gid = group()
    for folder in (spool, spool / 'recvq', spool / 'inbox'):
        found = folder.stat() if folder.is_dir() else None
        if found is None:
            yield f'{folder} is missing'
        elif found.st_gid != gid or stat.S_IMODE(found.st_mode) != 0o2770:
            yield f'{folder} has mode {stat.S_IMODE(found.st_mode):o} and group {found.st_gid}, not 2770 and uucp'
    hosts = spool / 'etc/hosts.hfaxd'
    if not hosts.exists() or stat.S_IMODE(hosts.stat().st_mode) != 0o600:
        yield f'{hosts} is missing, or open to others'


def _runs(file: Path) -> bool:
    return file.is_file() and stat.S_IMODE(file.stat().st_mode) & 0o555 == 0o555


def _greets(port: int) -> bool:
    try:
        with socket.create_connection(('127.0.0.1', port), ANSWERS_S) as connection:
            return connection.recv(4).startswith(b'220')
    except OSError:
        return False


def _peers(place: Place) -> dict[str, str]:
    """Asterisk's word for each modem: OK, LAGGED, UNREACHABLE, UNKNOWN."""
    try:
        return dict(PEER.findall(Asterisk(place).command('iax2 show peers')))
    except Complaint:
        return {}


def _modified(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:                          # taken meanwhile
        return time.time()
