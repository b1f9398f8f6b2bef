"""All that a folio's page shows, gathered in a few reads (mission.md 6.2). Templates get values and look nothing up."""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from ami_listener.call_log import CallLog
from ami_listener.call_record import CallRecord
from config.contract import way_out
from config.values import Agent, Application, Category, Client, Modality, ResolverGroup, Site, User
from contracts.meter import metered_verdict
from desk.accounts.values import Person
from desk.desk import Desk
from desk.folios.actions import Action, Seen, next_of, offered
from desk.folios.explaining import Explained, explained
from desk.folios.viewing import is_vip, name_of, user_of, zone_of
from ticketing.changes import clock_of
from ticketing.click_to_call import Reachable, numbers_of
from ticketing.folio_rows import id_of
from ticketing.levels.terms import terms_of
from ticketing.notices import is_accused, policy_for
from ticketing.opening_facts import OPENED_BY
from ticketing.privacy.access import KeptFile, files_of
from ticketing.privacy.kept_files import Folders
from ticketing.spanish import DISPOSITIONS, ENTRIES, FILES, ORIGINS
from ticketing.values import OPEN_STATES, Entry, EntryKind, Folio

HEARD = frozenset({'description', 'message', 'recording'})
MOST_CALLS = 12
DELETED: Mapping[str | None, str] = {'retention': 'por contrato', 'erasure': 'por solicitud del titular'}
_SHA256 = re.compile(r'[0-9a-f]{64}')


@dataclass(frozen=True)
class FileView:
    """A file of a folio; `gone` says when and why it was deleted."""

    id: int
    title: str
    is_audio: bool
    size: str
    at: datetime
    gone: str


@dataclass(frozen=True)
class EntryView:
    """One line of the timeline."""

    id: int
    kind: str
    title: str
    who: str
    at: datetime
    text: str
    call: str | None
    file: FileView | None


@dataclass(frozen=True)
class CallView:
    """A call about the folio. Lengths are texts, '' where nothing is known."""

    linkedid: str
    at: datetime
    direction: str
    outcome: str
    agent: str
    length: str


@dataclass(frozen=True)
class Sheet:
    """One folio for one person."""

    folio: Folio
    zone: ZoneInfo
    client: Client | None
    client_name: str
    user: User | None
    vip: bool
    category: str
    application: str
    holder: str
    opener: str                                        # 'teléfono', 'correo', or who of us opened it
    entries: tuple[EntryView, ...]                     # oldest first
    files: tuple[FileView, ...]
    calls: tuple[CallView, ...]
    numbers: tuple[Reachable, ...]
    may_call: bool
    actions: Mapping[str, Action]
    main: Action
    clock: Explained | None
    agents: tuple[Agent, ...]
    groups: tuple[ResolverGroup, ...]
    categories: tuple[Category, ...]
    applications: tuple[Application, ...]
    megabytes: int
    is_open: bool
    newest: int
    counted: str                                       # for the allowance: 'no, duplicado del folio …'; '' where nothing is metered


def folders_of(desk: Desk) -> Folders:
    """Where the files of folios are."""
    return Folders(desk.place.messages, desk.place.recordings, desk.place.attachments)


def sheet_of(desk: Desk, folio: Folio, person: Person, now: datetime) -> Sheet:
    """Gather what the page shows of a folio that the person may see."""
    site = desk.site()
    client = site.clients.get(folio.report.client)
    timeline, files = desk.folios.timeline(folio.number), files_of(desk.db, folio.number)
    possible = offered(Seen(folio, site, person.login, now))
    views = {file.sha256: _file_view(file, zone_of(site, folio)) for file in files}
    return Sheet(
        folio=folio, zone=zone_of(site, folio), client=client, client_name=client.name if client else folio.report.client,
        user=user_of(client, folio.report.employee_number),
        vip=is_vip(client, folio.report.modality, folio.report.employee_number),
        category=_title(client, folio.report.category), application=_application(client, folio.report.application),
        holder=holder_of(site, folio), opener=_opener(site, folio), entries=tuple(_entry_view(entry, site, views) for entry in timeline),
        files=tuple(views.values()), calls=_calls(desk, site, folio, timeline), numbers=numbers_of(site, folio),
        may_call=person.login in site.agents and way_out(site) is not None,
        actions={action.slug: action for action in possible}, main=next_of(folio, possible), clock=_clock(desk, site, folio, now),
        agents=tuple(agent for agent in site.agents.values() if not is_accused(folio, agent.login)),
        groups=tuple(client.groups.values()) if client else (), categories=client.categories if client else (),
        applications=supported(client, folio.report.modality), megabytes=policy_for(site, folio).attachment_megabytes,
        is_open=folio.state in OPEN_STATES, newest=max((entry.id for entry in timeline), default=0),
        counted=_counted(desk, site, folio))


def holder_of(site: Site, folio: Folio) -> str:
    """Who has it: 'Ana López', 'Grupo Redes', 'nadie'."""
    client = site.clients.get(folio.report.client)
    group = client.groups.get(folio.resolver_group or '') if client else None
    if folio.holder == 'agent':
        return name_of(site, folio.agent) + (f' ({group.title})' if group else '')
    if folio.holder == 'group':
        return group.title if group else folio.resolver_group or ''
    return 'nadie'


def supported(client: Client | None, modality: str) -> tuple[Application, ...]:
    """The applications that a folio of this modality may be about (mission.md 1.2)."""
    known = client.applications.values() if client else ()
    return tuple(one for one in known if one.active and (
        one.modality != Modality.PREMIUM or (modality == Modality.PREMIUM and one.material)))


def _opener(site: Site, folio: Folio) -> str:
    by = folio.report.rule.removeprefix(OPENED_BY)
    if folio.report.origin == 'person' and by != folio.report.rule:
        return name_of(site, by)
    return ORIGINS.get(folio.report.origin, folio.report.origin)


def entry_title(kind: str) -> str:
    """What kind of thing an entry tells."""
    return ENTRIES.get(kind, kind)


def _title(client: Client | None, name: str | None) -> str:
    return next((one.title for one in client.categories if one.name == name), name or '') if client else name or ''


def _application(client: Client | None, key: str | None) -> str:
    found = client.applications.get(key or '') if client else None
    return found.title if found else key or ''


def _entry_view(entry: Entry, site: Site, files: Mapping[str, FileView]) -> EntryView:
    digest = _SHA256.search(entry.text) if entry.kind in (*HEARD, EntryKind.ATTACHMENT) else None
    file = files.get(digest[0]) if digest else None
    if entry.kind == EntryKind.OPENED:                 # its text is the rule, in the operator's English, which stands beside
        return EntryView(entry.id, entry.kind, entry_title(entry.kind), ORIGINS.get(entry.by, name_of(site, entry.by)), entry.at, '',
                         entry.call, None)
    return EntryView(entry.id, entry.kind, entry_title(entry.kind), name_of(site, entry.by), entry.at,
                     '' if file and not file.gone else entry.text, entry.call, file)


def _file_view(file: KeptFile, zone: ZoneInfo) -> FileView:
    audio = file.kind in HEARD
    title = FILES[file.kind].partition(' ')[2].capitalize() if audio else file.title or file.name
    gone = ''
    if file.deleted_at:
        gone = f'eliminado el {file.deleted_at.astimezone(zone):%d/%m/%Y} {DELETED.get(file.deleted_why, file.deleted_why or "")}'.strip()
    return FileView(file.id, title, audio, f'{file.seconds} s' if audio else _size(file.size or 0), file.at, gone)


def _size(size: int) -> str:
    return f'{size / 1_048_576:.1f} MB' if size >= 1_048_576 else f'{max(1, size // 1024)} kB'


def _calls(desk: Desk, site: Site, folio: Folio, timeline: Iterable[Entry]) -> tuple[CallView, ...]:
    """The calls that opened, continued or follow the folio, the newest first."""
    log = CallLog(desk.db, lambda extension: _login(site, extension))
    spoken_of = dict.fromkeys(call for call in (folio.report.call, *(entry.call for entry in timeline)) if call)
    found = (log.get(linkedid) for linkedid in list(spoken_of)[-MOST_CALLS:])
    return tuple(sorted((_call_view(call, site) for call in found if call), key=lambda view: view.at, reverse=True))


def _call_view(call: CallRecord, site: Site) -> CallView:
    length = f'{int(call.talk_s) // 60}:{int(call.talk_s) % 60:02}' if call.talk_s else ''
    return CallView(call.linkedid, call.started, 'entrante' if call.direction == 'in' else 'saliente',
                    DISPOSITIONS.get(call.disposition, call.disposition or ''), name_of(site, call.agent) if call.agent else '', length)


def _login(site: Site, extension: str) -> str:
    return next((one.login for one in site.agents.values() if extension in (one.extension, one.browser_extension)), extension)


def _counted(desk: Desk, site: Site, folio: Folio) -> str:
    """Whether it counts against the client's allowance, and why (mission.md 7.1)."""
    with desk.db.read() as connection:
        verdict = metered_verdict(connection, site, folio.number)
    return f'{"sí" if verdict.counts else "no"}, {verdict.reason}' if verdict else ''


def _clock(desk: Desk, site: Site, folio: Folio, now: datetime) -> Explained | None:
    terms = terms_of(site, folio.report.line, folio.report.site, folio.report.priority, folio.opened_at)
    if terms is None:
        return None
    with desk.db.read() as connection:
        clock = clock_of(connection, id_of(connection, folio.number), folio, site, now)
    return explained(clock, terms) if clock else None
