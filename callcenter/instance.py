"""An instance: the folder that holds all data of one Mesa, made at the first `mesa up` and opened by every command."""
from __future__ import annotations

import json
import os
import re
import secrets
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import wraps
from pathlib import Path
from typing import Any

from callcenter.clock import Clock
from callcenter.console import Complaint, instance_root
from callcenter.files import copy_whole, locked, write_whole
from callcenter.ports import free_ports, missing_ports, usual_ports
from callcenter.provision import asterisk_prefix, triplet
from config.place import Place, Ports, Secrets
from config.values import Site
from config.webhooks import all_hooks

EXAMPLE = Path(__file__).resolve().parent.parent / 'config' / 'example'
FOLDERS = ('applied', 'asterisk/run', 'asterisk/log/cdr-csv', 'asterisk/log/cdr-custom', 'asterisk/log/cel-custom', 'asterisk/db/keys',
           'asterisk/spool', 'asterisk/varlib', 'asterisk/share', 'messages', 'recordings', 'attachments', 'mail-in', 'run', 'log')
PRIVATE_FOLDERS = ('fax/tiff', 'fax/pdf')
SPOOLS = Path('/var/spool/mesa')                       # of all instances: HylaFAX's daemons must reach their spool
PORTS_TABLE = re.compile(r'^\s*\[\s*ports\s*\].*$', re.MULTILINE)
LONGEST_SOCKET_NAME = 107                              # bytes in sockaddr_un.sun_path, less the closing NUL


@dataclass(frozen=True)
class Instance:
    """An instance that exists on disk."""

    place: Place
    database_url: str

    @classmethod
    def open(cls, root: Path) -> Instance:
        """The instance in a folder; Complaint when there is none."""
        file = root / 'instance.toml'
        if not file.is_file():
            raise Complaint(f'There is no Mesa in {root}. Make one with: mesa up')
        return _read(root, file)

    @classmethod
    def create(cls, root: Path) -> Instance:
        """The instance in a folder, made when it does not exist; its site is then a copy of the demo site."""
        _insist_on_short(root)
        for folder in FOLDERS:
            (root / folder).mkdir(parents=True, exist_ok=True)
        for folder in PRIVATE_FOLDERS:
            (root / folder).mkdir(parents=True, exist_ok=True, mode=0o750)
        file = root / 'instance.toml'
        with locked(root / 'run' / 'create.lock'):
            free = os.environ.get('MESA_FREE_PORTS') == '1'
            if not file.is_file():
                write_whole(file, _instance_text(free_ports() if free else usual_ports()))
            else:
                _complete(file, free)
            if not (root / 'site').exists():
                copy_whole(EXAMPLE, root / 'site')
        return _read(root, file)

    @property
    def root(self) -> Path:
        """The instance folder."""
        return self.place.root

    def site(self) -> Site:
        """The site in force, with the terms of today; Complaint before the first apply."""
        from config.load import load
        if not self.place.current.exists():
            raise Complaint(f'Nothing is applied yet in {self.root}. Start it once with: mesa up')
        return self.today_s(load(self.place.site))

    def today_s(self, site: Site) -> Site:
        """A site with the terms of today, by the instance's clock."""
        return site.on(self.clock(site).now().astimezone(site.zone).date())

    def clock(self, site: Site) -> Clock:
        """The clock that every decision in this instance follows."""
        return Clock(self.root, site.demo)

    def secrets(self, site: Site) -> Secrets:
        """The passwords; those that are missing (a new agent's) are made and kept."""
        file = self.root / 'secrets.toml'
        with locked(self.root / 'run' / 'create.lock'):
            known = tomllib.loads(file.read_text()) if file.exists() else {}
            complete = _completed(known, site.agents, all_hooks(site))
            if complete != known:
                write_whole(file, _secrets_text(complete), mode=0o600)
        ami, mail = complete['ami'], complete['mail']
        return Secrets(ami['mesa'], ami['probe'], complete['agents'], ami['dialer'], mail['key'], mail['smtp'], mail['imap'],
                       **complete['fax'], ami_desk=ami['desk'], web_phones=complete['web_phones'], webhooks=complete['webhooks'])

    def renew_webhook_secret(self, site: Site, key: str) -> str:
        """A new secret for a webhook ('client/name'), which signs everything from now on."""
        self.secrets(site)
        file = self.root / 'secrets.toml'
        with locked(self.root / 'run' / 'create.lock'):
            known = tomllib.loads(file.read_text())
            known['webhooks'][key] = _webhook_secret()
            write_whole(file, _secrets_text(known), mode=0o600)
        return str(known['webhooks'][key])


def _read(root: Path, file: Path) -> Instance:
    """The instance that its file describes; Complaint when the file is damaged."""
    try:
        told = tomllib.loads(file.read_text())
        ports = Ports(**told['ports'])
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise Complaint(f'{file} cannot be used ({error}). Repair it, or move it away to have it made anew.') from error
    place = Place(root=root, prefix=asterisk_prefix(), ports=ports, bind=told.get('bind', '127.0.0.1'), triplet=triplet(),
                  fax_spool=Path(told.get('fax_spool', SPOOLS / 'none')))
    url = os.environ.get('MESA_DATABASE') or told.get('database') or f'sqlite:///{root}/mesa.db'
    return Instance(place, url)


def _instance_text(ports: Ports) -> str:
    lines = [f'{name} = {number}' for name, number in asdict(ports).items()]
    return '\n'.join(['# Made by `mesa up`. Edit it while Mesa is down.',
                      '# database = "postgresql+psycopg://user@host/mesa"      (without it: mesa.db, SQLite)',
                      '# bind = "127.0.0.1"                                    (where SIP and RTP listen)',
                      _spool_line(), '', '[ports]', *lines, ''])


def _spool_line() -> str:
    return f'fax_spool = "{SPOOLS}/{secrets.token_hex(6)}"              # HylaFAX\'s folder; its daemons cannot enter a private one'


def _complete(file: Path, free: bool) -> None:
    """Give an instance of an older Mesa what it lacks: a fax spool and ports. What stands in its file stays as it is written."""
    text = file.read_text()
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return                                         # told when it is read
    new = text if 'fax_spool' in told else f'{_spool_line()}\n{text}'
    if missing := missing_ports(told['ports'], free) if isinstance(told.get('ports'), dict) else {}:
        lines = '\n'.join(f'{name} = {port}' for name, port in missing.items())
        new = PORTS_TABLE.sub(lambda head: f'{head[0]}\n{lines}', new, count=1)
    if new != text:
        write_whole(file, new)


def _completed(known: Mapping[str, Any], logins: Iterable[str], hooks: Iterable[str]) -> dict[str, dict[str, str]]:
    """All passwords that are needed; the known ones unchanged, the missing ones made now."""
    ami, mail, fax_server, webhooks = (known.get(table, {}) for table in ('ami', 'mail', 'fax', 'webhooks'))
    everyone = tuple(logins)
    return {'ami': {name: ami.get(name) or secrets.token_urlsafe(24) for name in ('mesa', 'probe', 'dialer', 'desk')},
            'mail': {'key': mail.get('key') or secrets.token_urlsafe(32), 'smtp': mail.get('smtp', ''), 'imap': mail.get('imap', '')},
            'fax': {name: fax_server.get(name) or secrets.token_urlsafe(24) for name in ('fax_modem', 'hfaxd')},
            **{table: _with_missing(known.get(table, {}), everyone) for table in ('agents', 'web_phones')},
            'webhooks': dict(webhooks) | {key: _webhook_secret() for key in hooks if key not in webhooks}}


def _with_missing(passwords: Mapping[str, str], logins: Iterable[str]) -> dict[str, str]:
    return dict(passwords) | {login: secrets.token_urlsafe(12) for login in logins if login not in passwords}


def _webhook_secret() -> str:
    """Its beginning says what it is, to whoever finds it where it should not be."""
    return f'whsec_{secrets.token_urlsafe(32)}'


def _secrets_text(tables: Mapping[str, Mapping[str, str]]) -> str:
    """TOML; JSON's quoting of a string is also TOML's."""
    lines = ['# Passwords, made by `mesa up`; those of your SMTP and IMAP servers are yours to enter.',
             '# A line that is removed is made anew at the next apply.']
    for table, passwords in tables.items():
        lines += ['', f'[{table}]', *(f'{json.dumps(name)} = {json.dumps(password)}' for name, password in passwords.items())]
    return '\n'.join([*lines, ''])


def _insist_on_short(root: Path) -> None:
    """Asterisk's console is a Unix socket, whose name the kernel bounds; Asterisk itself would only say 'bind failed'."""
    longest = len(os.fsencode(root / 'asterisk' / 'run' / 'asterisk.ctl'))
    if longest > LONGEST_SOCKET_NAME:
        raise Complaint(f'The folder name {root} is {longest - LONGEST_SOCKET_NAME} bytes too long for a Unix socket in it. '
                        'Choose a shorter one with --instance.')


def pass_instance(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the opened `Instance` as its first argument."""
    @wraps(command)
    def opened(*args: Any, **kwargs: Any) -> Any:
        return command(Instance.open(instance_root()), *args, **kwargs)
    return opened
