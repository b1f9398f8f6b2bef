"""`mesa doctor`: what is wrong or missing on this machine."""
from __future__ import annotations

import shutil
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import click

from callcenter.applied import applied_number
from callcenter.clock import clock_file
from callcenter.console import Complaint, instance_root, print_json, say
from callcenter.day_change import rendered_for_another_day
from callcenter.instance import Instance
from callcenter.ports import is_free
from callcenter.provision import SYSTEM, asterisk_prefix, asterisk_version, record
from callcenter.running import supervisor_pid

PROGRAMS = {
    'espeak-ng': ('speaks texts that an admin adds', 'dice los textos que agrega un administrador'),
    'sox': ('converts recordings', 'convierte las grabaciones'),
    'sipp': ('needed by `mesa bench`', 'lo usa `mesa bench`'),
    'setpriv': ('keeps children from outliving the supervisor', 'impide que queden procesos sueltos'),
    'setsid': ('keeps Ctrl-C from reaching Asterisk first', 'impide que Ctrl-C llegue primero a Asterisk')}
OLD_COPY_DAYS = 60
LEAST_FREE = 1_000_000_000
DNS_PATIENCE_S = 0.5


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `bad` keeps Mesa from working, `warning` will hurt some day. `says` is the same in Spanish, for the desk."""

    level: Literal['ok', 'warning', 'bad']
    text: str
    says: str = ''


@click.command()
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
def doctor(as_json: bool) -> None:
    """Look for what is wrong or missing on this machine, and say what to do. Exit code 1 when something keeps Mesa from working."""
    found = list(examine(instance_root()))
    if as_json:
        print_json([{'level': finding.level, 'text': finding.text} for finding in found])
    else:
        for finding in found:
            say(f'{finding.level:8} {finding.text}')
    if any(finding.level == 'bad' for finding in found):
        sys.exit(1)


def examine(root: Path) -> Iterator[Finding]:
    """Everything that is looked at, machine first."""
    for look in (programs, asterisk, own_name):
        yield from look()
    if not (root / 'instance.toml').exists():
        yield Finding('ok', f'there is no instance in {root} yet: mesa up makes one')
        return
    try:
        instance = Instance.open(root)
    except Complaint as error:
        yield Finding('bad', str(error))
        return
    for part in OF_AN_INSTANCE:
        yield from part(instance)


def programs() -> Iterator[Finding]:
    """The system's programs."""
    for name, (purpose, use) in PROGRAMS.items():
        if shutil.which(name):
            yield Finding('ok', f'{name} is installed', f'{name} está instalado.')
        else:
            yield Finding('bad' if name.startswith('set') else 'warning', f'{name} is missing ({purpose}): ./mesa installs it, as root',
                          f'Falta {name} ({use}). Ejecute ./mesa como root: lo instala.')


def asterisk() -> Iterator[Finding]:
    """Which Asterisk, and how old a copy."""
    prefix = asterisk_prefix()
    try:
        version = asterisk_version(prefix)
    except Complaint as error:
        yield Finding('warning', str(error), f'No se sabe qué Asterisk hay: {error}')
        return
    told = record(prefix)
    if prefix == SYSTEM:
        yield Finding('ok', f"Asterisk {version}, the distribution's own", f'Asterisk {version}, el de la distribución.')
    elif told is None:
        yield Finding('warning', f'Asterisk {version} in {prefix}, of unknown origin and age: it gets no security updates by itself',
                      f'Asterisk {version} en {prefix}, de origen y edad desconocidos: no recibe solo actualizaciones de seguridad.')
    else:
        days = (datetime.now(UTC) - datetime.fromisoformat(str(told['made']))).days
        advice = f'; renew it: stop Mesa, remove {prefix}, mesa up' if days > OLD_COPY_DAYS else ''
        renew = f' Renuévela: detenga Mesa, borre {prefix} y ejecute mesa up.' if advice else ''
        yield Finding('warning' if advice else 'ok', f'Asterisk {version} in {prefix}, a private copy of Debian {told["suite"]}, '
                                                     f'{days} days old: it gets no security updates by itself{advice}',
                      f'Asterisk {version}, copia propia de Debian {told["suite"]} de hace {days} días: no recibe solo actualizaciones de '
                      f'seguridad.{renew}')


def own_name() -> Iterator[Finding]:
    """PJSIP looks this machine's own name up at the beginning of every call, and waits."""
    name = socket.gethostname()
    began = time.monotonic()
    found: list[object] = []
    # A thread that nobody joins: a look-up cannot be cut short.
    thread = threading.Thread(target=lambda: found.append(_addresses(name)), daemon=True)
    thread.start()
    thread.join(DNS_PATIENCE_S)
    advice = f'add "127.0.1.1 {name}" to /etc/hosts'
    cure = f'Agregue "127.0.1.1 {name}" a /etc/hosts.'
    if not found:
        yield Finding('bad', f'the name of this machine, {name}, does not resolve quickly, and every call waits for that: {advice}',
                      f'El nombre de este equipo, {name}, tarda en resolverse y cada llamada espera por ello. {cure}')
    elif not found[0]:
        yield Finding('warning', f'the name of this machine, {name}, is known to nobody; calls will wait whenever the name server '
                                 f'takes its time to say so: {advice}',
                      f'Nadie conoce el nombre de este equipo, {name}: las llamadas esperarán cuando el servidor de nombres tarde. {cure}')
    else:
        yield Finding('ok', f'the name of this machine, {name}, resolves in {time.monotonic() - began:.2f} s',
                      f'El nombre de este equipo, {name}, se resuelve de inmediato.')


def _addresses(name: str) -> list[object]:
    try:
        return list(socket.getaddrinfo(name, None))
    except (OSError, UnicodeError):                    # unknown, or no possible name at all
        return []


def folder(instance: Instance) -> Iterator[Finding]:
    """Space, and who may read the passwords."""
    free = shutil.disk_usage(instance.root).free
    yield Finding('ok' if free > LEAST_FREE else 'warning', f'{free / 1e9:.1f} GB free in {instance.root}',
                  f'Quedan {free / 1e9:.1f} GB libres en {instance.root}.'
                  + ('' if free > LEAST_FREE else ' Libere espacio: sin él no se guardan llamadas, grabaciones ni faxes.'))
    file = instance.root / 'secrets.toml'
    if file.exists():
        mode = stat.S_IMODE(file.stat().st_mode)
        yield Finding('ok' if mode == 0o600 else 'bad', f'{file} is open to its owner alone' if mode == 0o600
                      else f'others may read {file}: chmod 600 {file}, and if somebody did, remove it and apply',
                      'Las contraseñas solo las lee su dueño.' if mode == 0o600 else
                      f'Otros pueden leer las contraseñas. Ejecute chmod 600 {file}; si alguien las leyó, bórrelo y aplique.')


def ports(instance: Instance) -> Iterator[Finding]:
    """Whether the instance's ports are there to be taken."""
    if supervisor_pid(instance.root):
        yield Finding('ok', 'Mesa is running', 'Mesa está en marcha.')
        return
    for name in ('sip', 'agi', 'ami', 'lmtp', 'web', 'iax', 'hfaxd'):
        port = getattr(instance.place.ports, name)
        if is_free(port):
            yield Finding('ok', f'port {port} ({name}) is free', f'El puerto {port} ({name}) está libre.')
        else:
            yield Finding('bad', f'port {port} ({name}) is taken by another program: change it in {instance.root}/instance.toml',
                          f'Otro programa ocupa el puerto {port} ({name}). Cámbielo en {instance.root}/instance.toml.')


def database(instance: Instance) -> Iterator[Finding]:
    """Whether the books can be opened and have the schema that this code needs."""
    from storage.engine import StorageError
    from storage.migrate import current, newest
    try:
        found = current(instance.database_url)
    except StorageError as error:
        yield Finding('bad', f'the database does not answer: {error}',
                      'La base de datos no responde. Las llamadas siguen por el plan de marcado; revise el servidor y el disco.')
        return
    yield Finding('ok', 'the database answers, with the right schema', 'La base de datos responde.') if found == newest() else Finding(
        'bad', f'the database has schema {found}, not {newest()}: mesa down, mesa up',
        f'La base de datos tiene el esquema {found} y se necesita el {newest()}. Ejecute mesa down y mesa up.')


def site(instance: Instance) -> Iterator[Finding]:
    """What is in force, the confirmed holidays, and a clock that was left set."""
    if applied_number(instance.place) is None:
        yield Finding('warning', 'no site is applied yet: mesa up', 'Todavía no hay un sitio aplicado. Ejecute mesa up.')
        return
    in_force = instance.site()
    clock = instance.clock(in_force)
    if rendered_for_another_day(instance):
        yield Finding('warning', "Asterisk's files are those of terms that have ended: mesa config apply",
                      'Los archivos de Asterisk son los de condiciones que ya terminaron. Ejecute mesa config apply.')
    until = in_force.holidays.confirmed_until
    if until is None or (until - clock.now().astimezone(in_force.zone).date()).days < 365:
        yield Finding('warning', f'holidays are confirmed until {until or date.min}, less than twelve months ahead: see holidays.toml',
                      f'Los días festivos están confirmados hasta el {until or date.min:%d/%m/%Y}, menos de doce meses. '
                      'Revíselos con mesa calendar y escriba confirmed_until en holidays.toml.')
    else:
        yield Finding('ok', f'holidays are confirmed until {until}', f'Los días festivos están confirmados hasta el {until:%d/%m/%Y}.')
    if stands := clock.set_to():
        yield Finding('warning', f'the clock is set to {stands} and stands still: mesa clock clear',
                      f'El reloj de demostración está detenido el {stands.astimezone(in_force.zone):%d/%m/%Y a las %H:%M}. '
                      'Suéltelo con mesa clock clear.')
    elif clock_file(instance.root).exists():
        yield Finding('warning', f'{clock_file(instance.root)} is ignored, for this site is no demo; remove it',
                      f'{clock_file(instance.root)} no se toma en cuenta, porque este sitio no es de demostración. Bórrelo.')


def mail(instance: Instance) -> Iterator[Finding]:
    """Where letters go, and whether the passwords that they need are there."""
    if applied_number(instance.place) is None:
        return
    in_force = instance.site()
    settings, passwords = in_force.mail, instance.secrets(in_force)
    if settings.smtp:
        yield Finding('ok', f'letters go to {settings.smtp}', f'Los correos salen por {settings.smtp}.')
    else:
        yield Finding('ok' if in_force.demo else 'warning',
                      f'letters go into {instance.place.maildir} alone: for a mail server add smtp = "host:port" to [mail] in site.toml',
                      f'Los correos no salen: se guardan en {instance.place.maildir}. Para un servidor de correo agregue '
                      'smtp = "equipo:puerto" en [mail] de site.toml.')
    for kind, user, password in (('smtp', settings.smtp_user, passwords.smtp), ('imap', settings.imap_user, passwords.imap)):
        if user and getattr(settings, kind) and not password:
            yield Finding('bad', f'{kind}_user has no password: write {kind} = "..." below [mail] in {instance.root}/secrets.toml',
                          f'Falta la contraseña de {kind}_user. Escriba {kind} = "..." bajo [mail] en {instance.root}/secrets.toml.')


def fax_server(instance: Instance) -> Iterator[Finding]:
    """The fax server, link by link."""
    from callcenter.fax_doctor import examine_fax
    if applied_number(instance.place) is not None:
        yield from (Finding(*told) for told in examine_fax(instance, instance.site()))


def ledger(instance: Instance) -> Iterator[Finding]:
    """Calls out that nobody pays yet."""
    from callcenter.ledgering import doubtful_calls, doubts
    from storage.engine import Database, StorageError
    from storage.migrate import current, newest
    if applied_number(instance.place) is None:
        return
    try:
        if current(instance.database_url) != newest():
            return                                     # said by `database`
        books = Database(instance.database_url)
        try:
            found = doubts(books, instance.site(), datetime.now(UTC))
        finally:
            books.close()
    except StorageError:
        return                                         # likewise
    yield from (Finding(*told) for told in doubtful_calls(*found))


OF_AN_INSTANCE: Iterable[Callable[[Instance], Iterator[Finding]]] = (folder, ports, database, site, mail, fax_server, ledger)
