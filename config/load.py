"""From a folder of text files to a frozen `Site`, or to the list of everything that keeps the files from being read (mission.md 8.1).

`load` is for whoever needs the site; `read` is for whoever shows problems: it goes on past faulty parts, so that one
run lists everything. What the files say *together* is judged by `config.check`.
"""
from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from config import shapes
from config.hours import zone as zone_called
from config.phones import e164
from config.problems import ConfigErrors, Problem
from config.site_files import NEEDED, Unreadable, decode_utf8, names_in, read_bytes, strangers
from config.toml_lines import KeyPath, key_lines, key_text, nearest_line
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
S = TypeVar('S', bound=shapes.Shape)


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
    found = _Findings(folder)
    for name, advice in strangers(folder):
        found.problem(Where(name, 1, 'file'), advice, 'warning')
    site = _site(found)
    return Reading(site, tuple(sorted(found.problems)), frozenset(found.unread))


@dataclass
class _Findings:
    """What has been found while one folder is read."""

    folder: Path
    problems: list[Problem] = field(default_factory=list)
    unread: set[tuple[str, str]] = field(default_factory=set)
    places: dict[tuple[str, str], int] = field(default_factory=dict)

    def problem(self, where: Where, message: str, severity: Any = 'error') -> None:
        self.problems.append(Problem(where, message, severity))


@dataclass(frozen=True)
class _Document:
    """One TOML file: its values, its keys' lines, and where to report."""

    found: _Findings
    file: str
    data: Table
    lines: dict[KeyPath, int]
    readable: bool = True

    def where(self, *path: str | int) -> Where:
        return Where(self.file, nearest_line(self.lines, path), key_text(path))

    def problem(self, path: KeyPath, message: str) -> None:
        self.found.problem(self.where(*path), message)

    def whole(self, shape: type[S]) -> S | None:
        """The file as one table; None when it cannot be read."""
        return self.shaped(shape, self.data) if self.readable else None

    def shaped(self, shape: type[S], values: Any, path: KeyPath = ()) -> S | None:
        """The values as a table of the given shape; None when something needed is missing. A faulty value counts as not given."""
        if not isinstance(values, dict):
            self.problem(path, f'{_shown(values)} stands here instead of a table: give it keys of its own')
            return None
        try:
            return shape.model_validate(values)
        except ValidationError as failure:
            errors = failure.errors(include_url=False, include_context=False)
        for error in errors:
            self.problem(path + error['loc'], _sentence(error, shape))
        faulty = {error['loc'][0] for error in errors}
        try:
            return shape.model_validate({key: value for key, value in values.items() if key not in faulty})
        except ValidationError:
            return None

    def tables(self, shape: type[S], kind: str) -> Iterator[tuple[str, S]]:
        """The file's tables by name; those that cannot be read are noted as unread."""
        for name, values in self.data.items():
            table = self.shaped(shape, values, (name,))
            if table is None:
                self.found.unread.add((kind, name))
            else:
                yield name, table

    def elements(self, shape: type[S], tables: shapes.Tables, *path: str | int) -> Iterator[tuple[KeyPath, S]]:
        """The elements of an array of tables that can be read, each with its path."""
        for index, values in enumerate(tables):
            element = self.shaped(shape, values, (*path, index))
            if element is not None:
                yield (*path, index), element


def _document(found: _Findings, file: str, *kinds: str) -> _Document:
    """A file's values; empty, with a problem and its kinds marked as unread, when it cannot be read."""
    try:
        text = decode_utf8(read_bytes(found.folder, file))
        data = tomllib.loads(text)
        lines = key_lines(text)
    except FileNotFoundError:
        if file not in NEEDED:
            return _Document(found, file, {}, {})
        where, message = Where(file, 1, 'file'), 'the file is missing: copy it from config/example and edit it'
    except Unreadable as error:
        where, message = Where(file, _line_named(str(error)), 'file'), str(error)
    except RecursionError:
        where, message = Where(file, 1, 'file'), 'brackets are nested too deeply: simplify the file'
    except ValueError as error:                        # TOMLDecodeError, and whatever int() and date() refuse
        where, message = Where(file, _syntax_line(str(error), text), 'file'), f'this is not TOML: {error}'
    else:
        found.places.update({(file, key_text(path)): line for path, line in lines.items()})
        return _Document(found, file, data, lines)
    found.problem(where, message)
    found.unread |= {(kind, '*') for kind in kinds}
    return _Document(found, file, {}, {}, readable=False)


def _line_named(message: str) -> int:
    match = re.match(r'line (\d+) ', message)
    return int(match.group(1)) if match else 1


def _syntax_line(message: str, text: str) -> int:
    match = re.search(r'\(at line (\d+), column \d+\)', message)
    if match:
        return int(match.group(1))
    return max(1, len(text.splitlines())) if 'end of document' in message else 1


def _sentence(error: ErrorDetails, shape: type[shapes.Shape]) -> str:
    """What pydantic found, as advice."""
    name, value = str(error['loc'][-1]), _shown(error['input'])
    if error['type'] == 'missing' and (shape, name) == (shapes.OverrideShape, 'until'):
        return 'an override always carries an expiry (mission.md 2.4): add until = 2026-12-31T20:00:00 or the like'
    if error['type'] == 'missing':
        return f'{name!r} is missing: add it'
    if error['type'] == 'extra_forbidden':
        near = difflib.get_close_matches(name, shape.model_fields, n=1)
        known = ', '.join(shape.model_fields)
        return f'there is no key {name!r} here: ' + (f'did you mean {near[0]!r}?' if near else f'the keys are {known}')
    if error['type'] == 'string_pattern_mismatch':
        return f'{value} holds characters that are not allowed here: correct it'
    return f'{value} is not right here: ' + error['msg'].replace('Input should', 'it should').replace('String should', 'it should')


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, (str, int, float, bool)) else str(value)
    return text if len(text) <= 60 else text[:57] + '...'


def _zone(document: _Document, path: KeyPath, name: str, otherwise: ZoneInfo) -> ZoneInfo:
    try:
        return zone_called(name)
    except ValueError as error:
        document.problem(path, str(error))
        return otherwise


def _phone(document: _Document, path: KeyPath, text: str) -> str | None:
    number = e164(text)
    if number is None:
        document.problem(path, f'{text!r} is not a telephone number: write ten digits, or + and the country code')
    return number


def _site(found: _Findings) -> Site:
    document = _document(found, 'site.toml', 'site')
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


def _policy(document: _Document, values: Table, base: Policy) -> Policy:
    shape = document.shaped(shapes.PolicyShape, values, ('policy',))
    return replace(base, **shape.given()) if shape else base


def _trunks(document: _Document, top: shapes.SiteFile | None) -> tuple[Trunk, ...]:
    trunks = tuple(Trunk(trunk.name, tuple(trunk.addresses), document.where(*path))
                   for path, trunk in document.elements(shapes.TrunkShape, top.trunk if top else [], 'trunk'))
    if top is None or len(trunks) < len(top.trunk):
        document.found.unread.add(('trunk', '*'))
    return trunks


def _emergency(document: _Document, top: shapes.SiteFile | None) -> Emergency:
    shape = document.shaped(shapes.EmergencyShape, top.emergency, ('emergency',)) if top and top.emergency is not None else None
    shape = shape or shapes.EmergencyShape()
    return Emergency(tuple(shape.numbers), shape.address, document.where('emergency'))


def _calendars(found: _Findings, zone: ZoneInfo) -> dict[str, Calendar]:
    document = _document(found, 'calendars.toml', 'calendar')
    return {
        name: Calendar(
            name=name,
            zone=_zone(document, (name, 'zone'), shape.zone, zone),
            state=shape.state,
            week={day: spans for day, key in enumerate(DAYS, start=1) if (spans := _spans(document, name, key, getattr(shape, key)))},
            holidays=shape.holidays,
            where=document.where(name))
        for name, shape in document.tables(shapes.CalendarShape, 'calendar')}


def _spans(document: _Document, name: str, key: str, texts: list[str]) -> tuple[Span, ...]:
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


def _holidays(found: _Findings) -> HolidayBook:
    document = _document(found, 'holidays.toml', 'holidays')
    top = document.whole(shapes.HolidaysFile)
    if top is None:
        found.unread.add(('holidays', '*'))
        return HolidayBook()
    days = tuple(DatedHoliday(**dict(day), where=document.where(*path)) for path, day in document.elements(shapes.DayShape, top.day, 'day'))
    return HolidayBook(days, top.confirmed_until, top.confirmed_by)


def _overrides(found: _Findings, lines: Mapping[str, Line], calendars: Mapping[str, Calendar], zone: ZoneInfo) -> tuple[Override, ...]:
    document = _document(found, 'overrides.toml', 'override')
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


def _menus(found: _Findings) -> dict[str, Menu]:
    document = _document(found, 'menus.toml', 'menu')
    menus = {}
    for name, shape in document.tables(shapes.MenuShape, 'menu'):
        choices = tuple(Choice(choice.key, choice.goto, choice.prompt)
                        for _, choice in document.elements(shapes.ChoiceShape, shape.choice, name, 'choice'))
        if len(choices) < len(shape.choice):
            found.unread.add(('choices', name))
        given = {key: value for key, value in shape.given().items() if key != 'choice'}
        menus[name] = Menu(name=name, choices=choices, where=document.where(name), **given)
    return menus


def _queues(found: _Findings) -> dict[str, QueueDef]:
    document = _document(found, 'queues.toml', 'queue')
    return {name: QueueDef(name=name, where=document.where(name), **shape.given())
            for name, shape in document.tables(shapes.QueueShape, 'queue')}


def _agents(found: _Findings) -> dict[str, Agent]:
    document = _document(found, 'agents.toml', 'agent')
    return {login: Agent(login, shape.name, shape.extension, tuple(shape.queues), document.where(login))
            for login, shape in document.tables(shapes.AgentShape, 'agent')}


def _prompt_texts(found: _Findings) -> dict[str, str]:
    document = _document(found, 'prompts.toml', 'text')
    top = document.whole(shapes.PromptsFile)
    return dict(top.texts) if top else {}


def _clients(found: _Findings, policy: Policy) -> tuple[dict[str, Client], dict[str, Line]]:
    clients: dict[str, Client] = {}
    lines: dict[str, Line] = {}
    for file in names_in(found.folder, 'clients', '.toml'):
        key = file.removeprefix('clients/').removesuffix('.toml')
        document = _document(found, file, 'line')
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


def _client(document: _Document, key: str, shape: shapes.ClientFile, policy: Policy) -> Client:
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


def _lines(document: _Document, client: str, shape: shapes.ClientFile, taken: Mapping[str, Line]) -> Iterator[Line]:
    """The client's lines. A number belongs to one client and modality (mission.md 1.1): of two the first one is kept."""
    mine: dict[str, Line] = {}
    readable = list(document.elements(shapes.LineShape, shape.line, 'line'))
    if len(readable) < len(shape.line):
        document.found.unread |= {('line', '*')} | {('modality', f'{client}:{modality}') for modality in Modality}
    for path, line in readable:
        number = _phone(document, (*path, 'number'), line.number)
        first = mine.get(number or '') or taken.get(number or '')
        if first:
            document.problem((*path, 'number'), f'number {line.number} is already that of {first.where.file}:{first.where.line}, '
                             f'{first.client} {first.modality}: a number belongs to one line only')
        if first or not number:
            document.found.unread.add(('modality', f'{client}:{line.modality}'))
            continue
        modality = Modality(line.modality)
        mine[number] = Line(number, client, modality, line.calendar, line.queue, line.menu, line.greeting, document.where(*path))
    yield from mine.values()


def _fragments(found: _Findings) -> dict[str, str]:
    fragments = {}
    for file in names_in(found.folder, 'custom', '.conf'):
        try:
            fragments[file] = decode_utf8(read_bytes(found.folder, file))
        except Unreadable as error:
            found.problem(Where(file, _line_named(str(error)), 'file'), str(error))
    return fragments
