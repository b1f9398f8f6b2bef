"""HylaFAX's and the modems' files from a site: pure text from values, by the templates in `asterisk-conf/hylafax/`."""
from __future__ import annotations

from config.contract import way_out
from config.phones import national
from config.place import Modem, Place, Secrets
from config.render import TEMPLATES, template_environment
from config.values import Site

FOLDER = TEMPLATES / 'hylafax'
LINES = 'etc/mesa-lines'
SCRIPTS = ('mesa-received', 'mesa-dynamic', 'mesa-quiet')


def server_files(site: Site, place: Place) -> dict[str, str]:
    """The scheduler's files, by their path in the spool."""
    return {'etc/config': _text('config', place=place), 'etc/dialrules': (FOLDER / 'dialrules').read_text(), LINES: refusing_lines(site)}


def modem_files(site: Site, place: Place, modem: Modem) -> dict[str, str]:
    """What HylaFAX reads about a modem, by its path in the spool."""
    return {f'etc/config.{modem.name}': _text('modem', place=place, number=own_number(site))}


def modem_program(site: Site, place: Place, modem: Modem, secrets: Secrets) -> str:
    """What the modem itself reads; holds a password."""
    return _text('iaxmodem', modem=modem, place=place, secrets=secrets, number=own_number(site))


def clients_allowed(group: int, password: str) -> str:
    """Who may use HylaFAX by its protocol: our own user, from this machine; `password` as crypt(3) gives it, `group` owns what he sends."""
    return _text('hosts.hfaxd', group=group, password=password)


def refusing_lines(site: Site) -> str:
    """The lines that refuse a fax that is too long, and after how many pages (mission.md 5.2)."""
    return _text('mesa-lines', site=site)


def own_number(site: Site) -> str:
    """The ten digits that our faxes show as their sender's, '' when the site names none."""
    trunk = way_out(site)
    return national(trunk.caller_id) if trunk and trunk.caller_id else ''


def _text(name: str, **known: object) -> str:
    return template_environment().get_template(f'hylafax/{name}.j2').render(known)
