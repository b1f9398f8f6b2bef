"""From a folder of text files to a frozen `Site`, or to the list of everything that keeps the files from being read (mission.md 8.1).

`load` is for whoever needs the site; `read` is for whoever shows problems: it goes on past faulty parts, so that one
run lists everything. What the files say *together* is judged by `config.check`.
"""
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from config import shapes
from config.documents import Document, Findings, line_named, read_document
from config.hours import zone as zone_called
from config.phones import e164
from config.problems import ConfigErrors, Problem
from config.site_files import Unreadable, decode_utf8, names_in, read_bytes, strangers
from config.toml_lines import KeyPath
from config.users_csv import read_users
from config.values import (
    Agent,
    Calendar,
    Category,
    Choice,
    Client,
    DatedHoliday,
    Emergency,
    HolidayBook,
    Line,
    Menu,
    Modality,
    Override,
    OverrideState,
    Policy,
    QueueDef,
    Site,
    Span,
    Trunk,
    Where,
)

DAYS = ('monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday')
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)            # an override without `since` is in force already
SPAN = re.compile(r'([01]\d|2[0-4]):([0-5]\d) ?- ?([01]\d|2[0-4]):([0-5]\d)')
Table = Mapping[str, Any]


@dataclass(frozen=True)
class Reading:
    """What could be read. `unread` names what is in the files but could not: (kind, name), name '*' for all of a kind."""

    site: Site
    problems: tuple[Problem, ...]
    unread: frozenset[tuple[str, str]]


def load(folder: Path) -> Site:
    """The site of a folder. Raises ConfigErrors with every problem when there is an error (mission.md 8.1)."""
    reading = read(folder)
    if any(problem.severity == 'error' for problem in reading.problems):
        raise ConfigErrors(reading.problems)
    return reading.site


def read(folder: Path) -> Reading:
    """The site as far as it can be read, with all problems. A site with errors is only good for further checks, not for calls."""
    found = Findings(folder)
    for name, advice in strangers(folder):
        found.problem(Where(name, 1, 'file'), advice, 'warning')
    site = _site(found)
    return Reading(site, tuple(sorted(found.problems)), frozenset(found.unread))


def _zone(document: Document, path: KeyPath, name: str, otherwise: ZoneInfo) -> ZoneInfo:
    try:
        return zone_called(name)
    except ValueError as error:
        document.problem(path, str(error))
        return otherwise


def _phone(document: Document, path: KeyPath, text: str) -> str | None:
    number = e164(text)
    if number is None:
        document.problem(path, f'{text!r} is not a telephone number: write ten digits, or + and the country code')
    return number


def _site(found: Findings) -> Site:
    document = read_document(found, 'site.toml', 'site')
    top = document.whole(shapes.SiteFile)
    head = document.shaped(shapes.SiteShape, top.site, ('site',)) if top else None
    if head is None:
        found.unread.add(('site', '*'))
    utc = zone_called('UTC')
    zone = _zone(document, ('site', 'zone'), head.zone, utc) if head else utc
    policy = _policy(document, top.policy if top else {}, Policy())
    calendars = _calendars(found, zone)
    clients, lines = _clients(found, policy)
    return Site(
        name=head.name if head else '',
        demo=head.demo if head else False,
        zone=zone,
        clients=clients,
        lines=lines,
        calendars=calendars,
        holidays=_holidays(found),
        menus=_menus(found),
        queues=_queues(found),
        agents=_agents(found),
        trunks=_trunks(document, top),
        emergency=_emergency(document, top),
        overrides=_overrides(found, lines, calendars, zone),
        prompt_texts=_prompt_texts(found),
        fragments=_fragments(found),
        places=found.places)


def _policy(document: Document, values: Table, base: Policy) -> Policy:
    shape = document.shaped(shapes.PolicyShape, values, ('policy',))
    return replace(base, **shape.given()) if shape else base


def _trunks(document: Document, top: shapes.SiteFile | None) -> tuple[Trunk, ...]:
    trunks = tuple(Trunk(trunk.name, tuple(trunk.addresses), document.where(*path))
                   for path, trunk in document.elements(shapes.TrunkShape, top.trunk if top else [], 'trunk'))
    if top is None or len(trunks) < len(top.trunk):
        document.found.unread.add(('trunk', '*'))
    return trunks


def _emergency(document: Document, top: shapes.SiteFile | None) -> Emergency:
    shape = document.shaped(shapes.EmergencyShape, top.emergency, ('emergency',)) if top and top.emergency is not None else None
    shape = shape or shapes.EmergencyShape()
    return Emergency(tuple(shape.numbers), shape.address, document.where('emergency'))


def _calendars(found: Findings, zone: ZoneInfo) -> dict[str, Calendar]:
    document = read_document(found, 'calendars.toml', 'calendar')
    return {
        name: Calendar(
            name=name,
            zone=_zone(document, (name, 'zone'), shape.zone, zone),
            state=shape.state,
            week={day: spans for day, key in enumerate(DAYS, start=1) if (spans := _spans(document, name, key, getattr(shape, key)))},
            holidays=shape.holidays,
            where=document.where(name))
        for name, shape in document.tables(shapes.CalendarShape, 'calendar')}


def _spans(document: Document, name: str, key: str, texts: list[str]) -> tuple[Span, ...]:
    spans = []
    for index, text in enumerate(texts):
        span = _span(text)
        if span is None:
            document.problem((name, key, index), f'{text!r} is not a span of a day: write it like "08:00-20:00", midnight as "24:00"')
        else:
            spans.append(span)
    return tuple(sorted(spans))


def _span(text: str) -> Span | None:
    match = SPAN.fullmatch(text)
    if match is None:
        return None
    hours, minutes, to_hours, to_minutes = (int(part) for part in match.groups())
    span = Span(hours * 60 + minutes, to_hours * 60 + to_minutes)
    return span if max(span.opens, span.closes) <= 24 * 60 else None


def _holidays(found: Findings) -> HolidayBook:
    document = read_document(found, 'holidays.toml', 'holidays')
    top = document.whole(shapes.HolidaysFile)
    if top is None:
        found.unread.add(('holidays', '*'))
        return HolidayBook()
    days = tuple(DatedHoliday(**dict(day), where=document.where(*path)) for path, day in document.elements(shapes.DayShape, top.day, 'day'))
    return HolidayBook(days, top.confirmed_until, top.confirmed_by)


def _overrides(found: Findings, lines: Mapping[str, Line], calendars: Mapping[str, Calendar], zone: ZoneInfo) -> tuple[Override, ...]:
    document = read_document(found, 'overrides.toml', 'override')
    top = document.whole(shapes.OverridesFile)
    overrides = []
    for path, shape in document.elements(shapes.OverrideShape, top.override if top else [], 'override'):
        number = _phone(document, (*path, 'line'), shape.line)
        line = lines.get(number or '')
        local = calendars[line.calendar].zone if line and line.calendar in calendars else zone
        if number:
            overrides.append(Override(
                line=number,
                state=OverrideState(shape.state),
                since=_instant(shape.since, local) if shape.since else LONG_AGO,
                until=_instant(shape.until, local),
                message=shape.message,
                by=shape.by,
                where=document.where(*path)))
    return tuple(overrides)


def _instant(moment: datetime, local: ZoneInfo) -> datetime:
    """A written time as a UTC instant; one without a zone is local time."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=local)).astimezone(UTC)


def _menus(found: Findings) -> dict[str, Menu]:
    document = read_document(found, 'menus.toml', 'menu')
    menus = {}
    for name, shape in document.tables(shapes.MenuShape, 'menu'):
        choices = tuple(Choice(choice.key, choice.goto, choice.prompt)
                        for _, choice in document.elements(shapes.ChoiceShape, shape.choice, name, 'choice'))
        if len(choices) < len(shape.choice):
            found.unread.add(('choices', name))
        given = {key: value for key, value in shape.given().items() if key != 'choice'}
        menus[name] = Menu(name=name, choices=choices, where=document.where(name), **given)
    return menus


def _queues(found: Findings) -> dict[str, QueueDef]:
    document = read_document(found, 'queues.toml', 'queue')
    return {name: QueueDef(name=name, where=document.where(name), **shape.given())
            for name, shape in document.tables(shapes.QueueShape, 'queue')}


def _agents(found: Findings) -> dict[str, Agent]:
    document = read_document(found, 'agents.toml', 'agent')
    return {login: Agent(login, shape.name, shape.extension, tuple(shape.queues), document.where(login))
            for login, shape in document.tables(shapes.AgentShape, 'agent')}


def _prompt_texts(found: Findings) -> dict[str, str]:
    document = read_document(found, 'prompts.toml', 'text')
    top = document.whole(shapes.PromptsFile)
    return dict(top.texts) if top else {}


def _clients(found: Findings, policy: Policy) -> tuple[dict[str, Client], dict[str, Line]]:
    clients: dict[str, Client] = {}
    lines: dict[str, Line] = {}
    for file in names_in(found.folder, 'clients', '.toml'):
        key = file.removeprefix('clients/').removesuffix('.toml')
        document = read_document(found, file, 'line')
        shape = document.whole(shapes.ClientFile)
        if shape is None:
            found.unread |= {('client', key), ('line', '*')}
            continue
        clients[key] = _client(document, key, shape, policy)
        for line in _lines(document, key, shape, lines):
            lines[line.number] = line
    for file in names_in(found.folder, 'clients', '.users.csv'):
        key = file.removeprefix('clients/').removesuffix('.users.csv')
        if key not in clients and ('client', key) not in found.unread:
            found.problem(Where(file, 1, 'file'),
                          f'these are the users of a client that is not there: add clients/{key}.toml or remove the list')
    return clients, lines


def _client(document: Document, key: str, shape: shapes.ClientFile, policy: Policy) -> Client:
    found = document.found
    file = f'clients/{key}.users.csv'
    try:
        listed = read_users(key, file, read_bytes(found.folder, file))
    except FileNotFoundError:
        listed = None
        found.problem(Where(file, 1, 'file'), 'the client has no list of users: nobody can be identified; add it', 'warning')
    except Unreadable as error:
        listed = None
        found.problem(Where(file, 1, 'file'), str(error))
    if listed:
        found.problems += listed.problems
    if not (listed and listed.complete):
        found.unread.add(('users', key))
    trunk_numbers = (_phone(document, ('trunk_numbers', index), text) for index, text in enumerate(shape.trunk_numbers))
    return Client(
        key=key,
        name=shape.name,
        modalities=frozenset(Modality(name) for name in shape.modalities),
        users=listed.users if listed else (),
        trunk_numbers=frozenset(number for number in trunk_numbers if number),
        vip_queue=shape.vip_queue,
        categories=tuple(Category(**dict(category))
                         for _, category in document.elements(shapes.CategoryShape, shape.category, 'category')),
        site_calendars=shape.site_calendars,
        policy=_policy(document, shape.policy, policy),
        privacy_notice=shape.privacy_notice or 'mesa/privacy',
        resale_authorised_until=shape.resale_authorised_until,
        where=document.where())


def _lines(document: Document, client: str, shape: shapes.ClientFile, taken: Mapping[str, Line]) -> Iterator[Line]:
    """The client's lines. A number belongs to one client and modality (mission.md 1.1): of two the first one is kept."""
    mine: dict[str, Line] = {}
    readable = list(document.elements(shapes.LineShape, shape.line, 'line'))
    if len(readable) < len(shape.line):
        document.found.unread |= {('line', '*')} | {('modality', f'{client}:{modality}') for modality in Modality}
    for path, line in readable:
        number = _phone(document, (*path, 'number'), line.number)
        first = mine.get(number or '') or taken.get(number or '')
        if first:
            written = document.found.places.get((first.where.file, f'{first.where.key}.number'), first.where.line)
            document.problem((*path, 'number'), f'number {line.number} is already that of {first.where.file}:{written}, '
                             f'{first.client} {first.modality}: a number belongs to one line only')
        if first or not number:
            document.found.unread.add(('modality', f'{client}:{line.modality}'))
            continue
        modality = Modality(line.modality)
        mine[number] = Line(number, client, modality, line.calendar, line.queue, line.menu, line.greeting, document.where(*path))
    yield from mine.values()


def _fragments(found: Findings) -> dict[str, str]:
    fragments = {}
    for file in names_in(found.folder, 'custom', '.conf'):
        try:
            fragments[file] = decode_utf8(read_bytes(found.folder, file))
        except Unreadable as error:
            found.problem(Where(file, line_named(str(error)), 'file'), str(error))
    return fragments
