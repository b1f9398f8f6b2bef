"""Getting an Asterisk: the distribution's own where it is recent enough, else a private copy unpacked beside it.

The private copy comes from the next Debian by the mirror that this machine already uses. It brings its own libc and is started through
its own loader, so nothing of the machine is changed; but it gets no security updates by itself (`mesa doctor` tells its age).
"""
from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from callcenter.console import Complaint, say, step
from callcenter.files import locked

OLDEST_MAJOR = 20
PRIVATE_MAJOR = 22                                     # long-term support
SUITES = ('forky', 'sid')
PRIVATE_PREFIX = Path('/var/lib/mesa/asterisk-22')
SYSTEM = Path('/')
KEYRING = Path('/usr/share/keyrings/debian-archive-keyring.gpg')
PACKAGES = ('asterisk', 'asterisk-modules', 'asterisk-core-sounds-es-wav', 'asterisk-moh-opsound-wav')
RECORD = 'mesa-packages.json'
POLICY = Path('/usr/sbin/policy-rc.d')


def asterisk_prefix() -> Path:
    """Where this machine's Asterisk for Mesa is, or will be; '/' is the distribution's own. MESA_ASTERISK_PREFIX overrides."""
    named = os.environ.get('MESA_ASTERISK_PREFIX')
    if named:
        return Path(named).absolute()
    return PRIVATE_PREFIX if _program(PRIVATE_PREFIX).exists() or not _program(SYSTEM).exists() else SYSTEM


def asterisk_command(prefix: Path) -> list[str]:
    """The words that start the Asterisk in a prefix, to be followed by its options. Complaint when there is none."""
    program = _program(prefix)
    if not program.exists():
        raise Complaint(f'There is no Asterisk in {prefix}. Get one with: mesa up')
    if prefix == SYSTEM:
        return [str(program)]
    libraries = prefix / 'usr/lib' / triplet()
    return [str(_loader(prefix)), '--library-path', f'{libraries}:{libraries}/asterisk', str(program)]


def asterisk_version(prefix: Path) -> str:
    """The version as Asterisk tells it, such as '22.10.1'."""
    told = _output([*asterisk_command(prefix), '-V'])
    match = re.search(r'Asterisk (\d+\.\d+(\.\d+)*)', told)
    if not match:
        raise Complaint(f'The Asterisk in {prefix} does not tell its version: {told.strip()[:200]!r}. Remove {prefix} and run: mesa up')
    return match[1]


def triplet() -> str:
    """Debian's name of this machine, as in /usr/lib/<triplet>."""
    return f'{platform.machine()}-linux-gnu'


def record(prefix: Path) -> dict[str, object] | None:
    """What the private copy was made of: suite, version, made (UTC), packages with their SHA-256. None for any other Asterisk."""
    file = prefix / RECORD
    return json.loads(file.read_text()) if prefix != SYSTEM and file.exists() else None


def ensure_asterisk() -> Path:
    """Get an Asterisk when the machine has none that fits; returns its prefix. Takes half a minute the first time."""
    prefix = asterisk_prefix()
    if _program(prefix).exists() and (prefix != SYSTEM or _major(asterisk_version(prefix)) >= OLDEST_MAJOR):
        return prefix
    _insist_on_root()
    if 'MESA_ASTERISK_PREFIX' not in os.environ:
        if _offered([]) >= OLDEST_MAJOR:
            _install_distribution()
            return SYSTEM
        prefix = PRIVATE_PREFIX
    install_private(prefix)
    return prefix


def install_private(prefix: Path) -> None:
    """Unpack Debian's Asterisk and all that it needs into a prefix; complete or not at all, and once when two start together."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with locked(prefix.parent / f'.{prefix.name}.lock'):
        if _program(prefix).exists():
            return
        if prefix.exists():
            raise Complaint(f'{prefix} exists but holds no Asterisk. Move it away and try again.')
        workshop = Path(tempfile.mkdtemp(prefix=f'.{prefix.name}.', dir=prefix.parent))
        try:
            suite, archives = _download(workshop / 'apt')
            _unpack(archives, workshop / 'prefix')
            write_record(workshop / 'prefix', suite, archives)
            (workshop / 'prefix').rename(prefix)
        finally:
            shutil.rmtree(workshop)


def write_record(prefix: Path, suite: str, archives: Iterable[Path]) -> None:
    """Keep what a private copy was made of beside it; Complaint when it is not the Asterisk that we asked for."""
    version = asterisk_version(prefix)
    if _major(version) != PRIVATE_MAJOR:
        raise Complaint(f'Debian {suite} gave Asterisk {version}, not {PRIVATE_MAJOR}. Name another copy with MESA_ASTERISK_PREFIX.')
    packages = {archive.name: hashlib.sha256(archive.read_bytes()).hexdigest() for archive in sorted(archives)}
    told = {'suite': suite, 'version': version, 'made': datetime.now(UTC).isoformat(timespec='seconds'), 'packages': packages}
    (prefix / RECORD).write_text(json.dumps(told, indent=1) + '\n')


def _download(apt: Path) -> tuple[str, list[Path]]:
    """Fetch the packages with all that they need, from the first suite that has the right Asterisk."""
    options = _private_apt(apt)
    for suite in SUITES:
        (apt / 'sources.list').write_text(f'deb [signed-by={KEYRING}] {_mirror()} {suite} main\n')
        with step(f'reading the package list of Debian {suite}'):
            _run(['apt-get', *options, 'update'])
        if _offered(options) == PRIVATE_MAJOR:
            break
        say(f'  Debian {suite} has no Asterisk {PRIVATE_MAJOR}')
    else:
        raise Complaint(f'Neither {" nor ".join(SUITES)} of Debian has Asterisk {PRIVATE_MAJOR}. '
                        f'Install Asterisk {OLDEST_MAJOR} or later yourself and name its root with MESA_ASTERISK_PREFIX.')
    archives = apt / 'cache' / 'archives'
    with step(f'downloading Asterisk {PRIVATE_MAJOR} (about 120 MB)'):
        _run_watched(['apt-get', *options, '-y', '--download-only', 'install', *PACKAGES], archives)
    return suite, list(archives.glob('*.deb'))


def _private_apt(apt: Path) -> list[str]:
    """A state of apt's own that knows of no installed package, so that it fetches everything, the libc included."""
    for folder in ('lists/partial', 'cache/archives/partial'):
        (apt / folder).mkdir(parents=True)
    (apt / 'status').touch()
    settings = {'Dir::State': apt, 'Dir::State::lists': apt / 'lists', 'Dir::State::status': apt / 'status', 'Dir::Cache': apt / 'cache',
                'Dir::Etc::sourcelist': apt / 'sources.list', 'Dir::Etc::sourceparts': '/dev/null', 'APT::Install-Recommends': 'false',
                'APT::Sandbox::User': 'root', 'Acquire::Languages': 'none'}
    return [f'-o{name}={value}' for name, value in settings.items()]


def _mirror() -> str:
    """The mirror from which this machine takes its own release."""
    codename = platform.freedesktop_os_release().get('VERSION_CODENAME', '')
    targets = _output(['apt-get', 'indextargets', '--format', '$(SITE) $(CODENAME)', 'Identifier: Packages'])
    for site, name in (line.rsplit(' ', 1) for line in targets.splitlines()):
        if name == codename:
            return site
    raise Complaint(f'apt knows no mirror of {codename!r}. Add one to /etc/apt/sources.list.d and try again.')


def _offered(options: Sequence[str]) -> int:
    """The major version of the Asterisk that apt would install, 0 when it knows none."""
    candidate = re.search(r'Candidate: (?:\d+:)?(\d+)\.', _output(['apt-cache', *options, 'policy', 'asterisk']))
    return int(candidate[1]) if candidate else 0


def _unpack(archives: Sequence[Path], prefix: Path) -> None:
    prefix.mkdir(mode=0o755)
    with step(f'unpacking {len(archives)} packages'), ThreadPoolExecutor(os.cpu_count()) as pool:
        # No maintainer script runs: nothing outside the prefix is touched.
        list(pool.map(lambda archive: _run(['dpkg-deb', '-x', str(archive), str(prefix)]), archives))


def _install_distribution() -> None:
    with step('installing Asterisk from the distribution'), _services_stay_off():
        _run(['apt-get', '-y', '--no-install-recommends', 'install', *PACKAGES])


@contextmanager
def _services_stay_off() -> Iterator[None]:
    """Keep Debian from starting an Asterisk of its own, which would take our ports."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text('#!/bin/sh\nexit 101\n')
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def _run_watched(command: Sequence[str], folder: Path) -> None:
    """Run a long download and tell now and then how far it is."""
    with tempfile.TemporaryFile('w+') as told:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=told, stderr=subprocess.STDOUT, env=_plain_environment())
        while True:
            try:
                code = child.wait(timeout=5)
                break
            except subprocess.TimeoutExpired:
                say(f'  {sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) // 1_000_000} MB so far')
        if code:
            told.seek(0)
            raise _failure(command, told.read())


def _run(command: Sequence[str]) -> None:
    """Run a command quietly; its words are told only when it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env=_plain_environment(), check=False)
    if done.returncode:
        raise _failure(command, done.stdout)


def _output(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=_plain_environment(), check=False)
    except FileNotFoundError:
        raise Complaint(f'{command[0]} is not on this machine, and Mesa needs it to get Asterisk: it sets itself up on Debian only. '
                        f'Elsewhere install Asterisk {OLDEST_MAJOR} or later and name its root with MESA_ASTERISK_PREFIX.') from None
    return done.stdout


def _failure(command: Sequence[str], told: str) -> Complaint:
    last = '\n'.join(told.strip().splitlines()[-5:])
    return Complaint(f'{" ".join([command[0], *(word for word in command[1:] if not word.startswith("-"))])[:120]} failed:\n{last}')


def _plain_environment() -> dict[str, str]:
    return os.environ | {'DEBIAN_FRONTEND': 'noninteractive', 'LC_ALL': 'C.UTF-8'}


def _insist_on_root() -> None:
    if os.geteuid() != 0:
        raise Complaint('Asterisk is missing, and only root can install it. Run once as root: mesa up')


def _program(prefix: Path) -> Path:
    return prefix / 'usr/sbin/asterisk'


def _loader(prefix: Path) -> Path:
    found = sorted(file for folder in ('usr/lib64', 'usr/lib', f'usr/lib/{triplet()}') for file in (prefix / folder).glob('ld-linux*.so.*'))
    if not found:
        raise Complaint(f'The Asterisk in {prefix} has lost its loader. Remove {prefix} and run: mesa up')
    return found[0]


def _major(version: str) -> int:
    return int(version.partition('.')[0])
