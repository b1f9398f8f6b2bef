"""Asterisk's files from a site: pure text from values, by the templates in `asterisk-conf/`."""
from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, UndefinedError

from config.contract import way_out
from config.intervals import LineTable
from config.phones import national, spellings
from config.place import HOURS_FILE, Place, Secrets
from config.values import Line, Modality, Policy, QueueDef, Site, Where

TEMPLATES = Path(__file__).resolve().parent.parent / 'asterisk-conf'
MODULES_FILE = 'modules.txt'
INCLUDED = ('outbound.conf', 'call-backs.conf', 'desk.conf', 'fax.conf')             # parts of other templates, no files of their own
SUFFIX = '.j2'
CONTROL = re.compile(r'[\x00-\x1f\x7f\x85\u2028\u2029]')
WORD = re.compile(r'[A-Za-z0-9_.@:/+-]+')
CONTEXT = re.compile(r'^\s*\[([^]]+)\]', re.MULTILINE)

Sources = Callable[[Site], Iterable[Where]]


class RenderError(Exception):
    """A value cannot stand in one of Asterisk's files."""


def render(site: Site, place: Place, secrets: Secrets) -> dict[str, str]:
    """All files of `applied/N/asterisk/` by name, the admin's fragments included; RenderError names a value that cannot stand there."""
    environment = template_environment()
    known = _knowledge(site, place, secrets)
    names = sorted(name.removesuffix(SUFFIX) for name in environment.list_templates(extensions=['j2']) if '/' not in name)
    files = {name: _one(environment, name, _site_files(site, name), known) for name in names if name not in (HOURS_FILE, *INCLUDED)}
    return files | {f'custom/{name}': text for name, text in fragments(site).items()}


def render_hours(tables: Iterable[LineTable]) -> str:
    """The text of `run/mesa-hours.conf`: context mesa-hours, which the fallback asks (mission.md 3.7)."""
    return _one(template_environment(), HOURS_FILE, ['the calendars and overrides in force'], {'tables': tuple(tables)})


def fragments(site: Site) -> dict[str, str]:
    """The admin's own dialplan by bare file name."""
    return {name.rpartition('/')[2]: text for name, text in site.fragments.items()}


def conf(value: object) -> str:
    """A value as the rest of a line: a semicolon would begin a comment there, and a line break would begin a setting of its own."""
    text = str(value)
    if CONTROL.search(text) or text != text.strip() or text.startswith(('[', '#')):
        raise RenderError(f'{text!r} cannot stand in a file of Asterisk: no line breaks, no blanks around it, no [ or # at its beginning')
    return text.replace(';', '\\;')


def word(value: object) -> str:
    """A value that is a name, number or address: letters, digits and _.@:/+- alone."""
    text = str(value)
    if not WORD.fullmatch(text):
        raise RenderError(f'{text!r} cannot be a name in a file of Asterisk: only letters, digits and _ . @ : / + -')
    return text


def quoted(value: object) -> str:
    """A person's name in double quotes; characters that mean something in a SIP header or in a list become blanks."""
    return '"' + conf(re.sub(r'["\\<>,;\[\]]+', ' ', str(value)).strip()) + '"'


@cache
def template_environment() -> Environment:
    """Reads the templates of `asterisk-conf/`; one that was changed is read anew."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=False,
                              trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    environment.filters |= {'conf': conf, 'word': word, 'quoted': quoted}
    return environment


def _one(environment: Environment, name: str, sources: Iterable[str], known: Mapping[str, object]) -> str:
    head = (f'; Written by Mesa from asterisk-conf/{name}{SUFFIX} and {", ".join(sources) or "no file of the site"}.\n'
            '; Do not edit it: the next apply writes it anew.\n\n')
    try:
        return head + environment.get_template(name + SUFFIX).render(known)
    except UndefinedError as error:
        raise RenderError(f'asterisk-conf/{name}{SUFFIX}: {error}') from error


def _knowledge(site: Site, place: Place, secrets: Secrets) -> dict[str, object]:
    """What the templates may name."""
    return {
        'site': site, 'place': place, 'secrets': secrets,
        'modules': _modules(),
        'music_classes': sorted({'default', *(queue.music for queue in site.queues.values())}),
        'fragment_files': sorted(fragments(site)),
        'fragment_contexts': frozenset(name for text in site.fragments.values() for name in CONTEXT.findall(text)),
        'hears_fax_tone': site.fax_server.detect and site.fax_server.modems > 0, 'fax_line_of': partial(_fax_line_of, site),
        'bench_line': next((line.number for line in site.lines.values() if line.queue), None),
        'modems': place.modems(site.fax_server.modems), 'out': way_out(site), 'dialled': national,
        'spellings': spellings, 'seconds': _seconds, 'fallback_queue': _fallback_queue, 'policy_of_queue': policy_of_queue,
    }


def _modules() -> list[str]:
    lines = (line.partition('#')[0].split() for line in (TEMPLATES / MODULES_FILE).read_text().splitlines())
    return [name for names in lines for name in names]


def _fax_line_of(site: Site, line: Line) -> Line | None:
    """Where a fax machine that called this line is handed to; None when the client has no fax line."""
    return next((each for each in site.lines.values() if each.client == line.client and each.modality is Modality.FAX), None)


def _seconds(minutes: float) -> int:
    """At least one: Queue() takes zero for endless."""
    return max(round(minutes * 60), 1)


def _fallback_queue(line: Line) -> str:
    """Where a caller waits whom nobody has identified: his line's queue, also on a VIP number, at normal priority (mission.md 1.3)."""
    assert line.queue is not None, 'a fax line has no queue'
    return line.queue


def policy_of_queue(site: Site, queue: QueueDef) -> Policy:
    """The contract parameters of those who wait in a queue: VIPs, or the callers of the first line that leads to it."""
    client = site.clients[queue.client]
    if queue.name == client.vip_queue:
        return client.policy_of(Modality.VIP)
    line = next((line for line in site.lines.values() if line.queue == queue.name), None)
    return client.policy_of(line.modality) if line else client.policy


def _site_files(site: Site, name: str) -> list[str]:
    sources = SOURCES.get(name)
    return sorted({where.file for where in sources(site) if where.file}) if sources else []


def _of_peers(site: Site) -> Iterable[Where]:
    return (*(trunk.where for trunk in site.trunks), *(agent.where for agent in site.agents.values()), site.emergency.where)


def _of_queues(site: Site) -> Iterable[Where]:
    return (*(queue.where for queue in site.queues.values()), *(agent.where for agent in site.agents.values()),
            *(client.where for client in site.clients.values()))


def _of_dialplan(site: Site) -> Iterable[Where]:
    return (*_of_peers(site), *_of_queues(site), *(line.where for line in site.lines.values()))


SOURCES: Mapping[str, Sources] = {
    'pjsip.conf': _of_peers,
    'queues.conf': _of_queues,
    'musiconhold.conf': lambda site: (queue.where for queue in site.queues.values()),
    'extensions.conf': _of_dialplan,
    'iax.conf': lambda site: (site.fax_server.where,),
}
