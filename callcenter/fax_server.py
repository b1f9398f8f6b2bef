"""The fax server on disk: HylaFAX's spool and the modems' files of one instance, and the programs that work in it.

HylaFAX's daemons run as uucp. They and Mesa meet in the spool alone: it belongs to root, its group is uucp, and nobody
else may enter. Mesa itself is root without any power, so it reads and removes received faxes as a member of that group.
"""
from __future__ import annotations

import errno
import grp
import os
import pwd
import shutil
import stat
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from callcenter.files import write_whole
from config.hylafax import FOLDER, SCRIPTS, clients_allowed, modem_files, modem_program, server_files
from config.place import Modem, Place, Secrets
from config.values import Site

USER = 'uucp'
PROGRAMS = {'faxq': '/usr/sbin/faxq', 'hfaxd': '/usr/sbin/hfaxd', 'faxgetty': '/usr/sbin/faxgetty', 'iaxmodem': '/usr/bin/iaxmodem'}
# What each may do beyond its files: to become uucp and root again, and (protected_hardlinks) to link the locks that it gives to uucp.
AS_UUCP = ('setuid', 'setgid')
WITH_DEVICES = (*AS_UUCP, 'chown', 'fowner')
STOCK = Path('/var/spool/hylafax')                     # what the package brings; its own spool is not used
STOCK_ETC = Path('/etc/hylafax')
STOCK_FILES = ('lutRS18.pcf', 'cover.templ', 'pagesizes', 'typerules', 'setup.modem')
OF_ROOT = {'etc': 0o2750, 'modems': 0o700}
OF_DAEMONS = ('archive', 'client', 'config', 'dev', 'docq', 'doneq', 'info', 'log', 'pollq', 'recvq', 'sendq', 'status', 'tmp',
              'locks', 'inbox')


def lacking() -> str:
    """Why this machine cannot run a fax server, in one sentence; '' when it can."""
    if os.geteuid() != 0:
        return "the fax server needs root, for its programs change to HylaFAX's user: it is not started"
    if group() is None:
        return f"there is no user {USER}, as whom HylaFAX's programs run: the fax server is not started"
    missing = [name for name, program in PROGRAMS.items() if not os.access(program, os.X_OK)]
    if missing:
        return f'{" and ".join(missing)} {"is" if len(missing) == 1 else "are"} not installed (./mesa installs what is missing): ' \
               'the fax server is not started'
    return ''


def wanted(site: Site) -> bool:
    """Whether this site has a fax server."""
    return site.fax_server.modems > 0


def group() -> int | None:
    """The group of HylaFAX's user, which Mesa is in; None where there is none."""
    try:
        return grp.getgrnam(USER).gr_gid
    except KeyError:
        return None


def lay_out(place: Place, site: Site, secrets: Secrets) -> None:
    """Make or complete the spool. What is queued, received and logged in it stays. Needs root."""
    spool, user = place.fax_spool, pwd.getpwnam(USER)
    if not spool.parent.exists():
        spool.parent.mkdir(parents=True)
        spool.parent.chmod(0o755)
    _folder(spool, 0, user.pw_gid, 0o2770)
    for name, mode in OF_ROOT.items():
        _folder(spool / name, 0, user.pw_gid, mode)
    for name in OF_DAEMONS:
        _folder(spool / name, user.pw_uid, user.pw_gid, 0o2770)
    _null(spool / 'dev/null')
    _programs(spool / 'bin')
    for name in STOCK_FILES:
        _copy(STOCK_ETC / name, spool / 'etc' / name)
    _settings(spool, server_files(site, place) | _stock_setup(spool), user.pw_gid)
    for leftover in place.fax_inbox.glob('.*'):
        leftover.unlink(missing_ok=True)
    _readable_log(spool / 'log/xferfaxlog', user.pw_uid, user.pw_gid)
    _allow_clients(spool / 'etc/hosts.hfaxd', secrets.hfaxd, user)
    lay_out_modems(place, site, secrets)


def lay_out_modems(place: Place, site: Site, secrets: Secrets) -> None:
    """Write what the site's modems read; they read it when they start."""
    gid = pwd.getpwnam(USER).pw_gid
    for modem in place.modems(site.fax_server.modems):
        _settings(place.fax_spool, modem_files(site, place, modem), gid)
        write_whole(place.fax_spool / 'modems' / modem.name, modem_program(site, place, modem, secrets), mode=0o600)


def free_device(place: Place, name: str) -> None:
    """Tidy up after programs that were killed: let Mesa read what they were receiving, remove their lock of the modem and their last words.

    A file in reception is uucp's alone, and nobody is told of it when its faxgetty is killed. "Running and idle" would be believed of the
    next faxgetty, until it speaks itself.
    """
    (place.fax_spool / 'status' / name).unlink(missing_ok=True)
    for file in (place.fax_spool / 'recvq').glob('fax*.tif'):
        try:
            handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ELOOP):         # another modem's, gone meanwhile; a link, which is none of HylaFAX's
                raise
            continue
        try:
            if stat.S_ISREG(os.fstat(handle).st_mode):
                os.fchmod(handle, 0o640)
        finally:
            os.close(handle)
    lock = place.fax_spool / 'locks' / f'LCK..{name}'
    with suppress(FileNotFoundError):                  # none, or its program has let go of it meanwhile
        if not _holds(lock.read_text()):
            lock.unlink()


def free_locks(place: Place) -> None:
    """Remove the locks that a program was making when it was killed. Only when none runs: a running one would miss its own."""
    for half_made in (place.fax_spool / 'locks').glob('TM.*'):
        half_made.unlink(missing_ok=True)


@dataclass(frozen=True)
class Part:
    """A program of the fax server: its words, what it may do beyond its files, the device that must be there first, or that it makes."""

    name: str
    argv: tuple[str, ...]
    powers: tuple[str, ...]
    device: Path | None = None
    makes: Path | None = None
    port: int = 0                                      # of the modem, UDP


def parts(place: Place, site: Site) -> Iterator[Part]:
    """The programs of a site's fax server, in the order of starting."""
    spool = str(place.fax_spool)
    modems = place.modems(site.fax_server.modems)
    for modem in modems:
        yield Part(f'modem {modem.name}', (PROGRAMS['iaxmodem'], _name_for_iaxmodem(place, modem)), WITH_DEVICES, makes=modem.device)
    if modems:
        yield Part('faxq', (PROGRAMS['faxq'], '-D', '-q', spool), WITH_DEVICES)
        loopback = ('-l', '127.0.0.1', '-i', str(place.ports.hfaxd))
        yield Part('hfaxd', (PROGRAMS['hfaxd'], '-d', '-q', spool, *loopback), (*AS_UUCP, 'sys_chroot'))
    for modem in modems:
        yield Part(f'faxgetty {modem.name}', (PROGRAMS['faxgetty'], '-q', spool, modem.name), WITH_DEVICES, modem.device, port=modem.port)


def _name_for_iaxmodem(place: Place, modem: Modem) -> str:
    """It takes a name below /etc/iaxmodem, which is the machine's; ours lead from there into the spool."""
    return f'../..{place.fax_spool}/modems/{modem.name}'


def _folder(folder: Path, uid: int, gid: int, mode: int) -> None:
    folder.mkdir(exist_ok=True)
    os.chown(folder, uid, gid)
    folder.chmod(mode)


def _null(device: Path) -> None:
    """hfaxd, which locks itself into the spool, wants this device there and may not make it."""
    if not device.exists():
        with suppress(PermissionError):                # a container may not either; then a file must do
            os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        device.touch()
        device.chmod(0o666)


def _readable_log(file: Path, uid: int, gid: int) -> None:
    """HylaFAX would make its log of calls for itself alone; Mesa reads there how long they were."""
    file.touch()
    os.chown(file, uid, gid)
    file.chmod(0o640)


def _programs(folder: Path) -> None:
    """HylaFAX's own scripts, which it looks for in its spool, and ours: root's, so that no daemon can change them."""
    _folder(folder, 0, 0, 0o755)
    for source in (STOCK / 'bin').iterdir():
        target = folder / source.name
        if source.is_symlink():
            target.unlink(missing_ok=True)
            target.symlink_to(source.readlink())
        elif source.is_file():
            _copy(source, target)
            _keep_user(target)
    for name in SCRIPTS:
        _copy(FOLDER / name, folder / name)
        (folder / name).chmod(0o755)


def _keep_user(script: Path) -> None:
    """Let a script of the package stay uucp: faxq lends it that user, and a shell gives up what was lent, to be root without powers."""
    shebang, end, rest = script.read_bytes().partition(b'\n')
    if shebang.startswith(b'#!') and shebang.endswith((b'/bash', b'/sh')):
        mode = script.stat().st_mode
        script.write_bytes(shebang + b' -p' + end + rest)
        script.chmod(mode)


def _copy(source: Path, target: Path) -> None:
    if not source.exists():
        return
    aside = target.with_name(f'.{target.name}')
    shutil.copy2(source, aside)
    aside.replace(target)


def _settings(spool: Path, files: Mapping[str, str], gid: int) -> None:
    for name, text in files.items():
        target = spool / name
        if not target.exists() or target.read_text() != text:
            write_whole(target, text, mode=0o640)
            os.chown(target, 0, gid)
            target.chmod(0o640)                        # also under a stricter umask


def _stock_setup(spool: Path) -> dict[str, str]:
    """What the package's scripts read first, for our spool."""
    text = (STOCK_ETC / 'setup.cache').read_text()
    return {'etc/setup.cache': text.replace(f"SPOOL='{STOCK}'", f"SPOOL='{spool}'")}


def _allow_clients(file: Path, password: str, user: pwd.struct_passwd) -> None:
    """Write who may use hfaxd, when the password is another than before; it reads the file at every login."""
    with warnings.catch_warnings():                    # the module goes with Python 3.13, which Mesa does not run on
        warnings.simplefilter('ignore', DeprecationWarning)
        import crypt
    before = file.read_text() if file.exists() else ''
    known = before.split(':')[2] if before.count(':') > 2 else ''
    if not known or before != clients_allowed(user.pw_gid, crypt.crypt(password, known)):
        aside = file.with_name('.hosts.hfaxd')
        write_whole(aside, clients_allowed(user.pw_gid, crypt.crypt(password, crypt.mksalt(crypt.METHOD_SHA512))), mode=0o600)
        os.chown(aside, user.pw_uid, user.pw_gid)
        aside.replace(file)


def _holds(pid: str) -> bool:
    """Whether a program of HylaFAX with this number runs; one that nobody has taken note of the end of does not, nor another's process."""
    try:
        name, _, rest = Path('/proc', pid.strip(), 'stat').read_text(errors='replace').partition('(')[2].rpartition(')')
        return name.startswith('fax') and rest.split()[0] != 'Z'
    except (OSError, IndexError):
        return False
