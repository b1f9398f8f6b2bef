"""From a folder of text files to a frozen `Site`, or to the list of everything that keeps the files from being read (mission.md 8.1).

`load` is for whoever needs the site; `read` is for whoever shows problems: it goes on past faulty parts, so that one
run lists everything. What the files say *together* is judged by `config.check`.
"""
from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from config import shapes
from config.documents import Document, Findings, line_named, read_document
from config.hours import zone as zone_called
from config.letterhead import letterhead
from config.load_clients import read_clients
from config.load_service import catalogue, emergency, fax_settings, mail_settings, mail_templates, policy_read, trunks
from config.load_tariffs import prices
from config.problems import ConfigErrors, Problem
from config.site_files import Unreadable, decode_utf8, names_in, read_bytes, strangers
from config.toml_lines import KeyPath
from config.values import (
    Agent,
    Calendar,
    Choice,
    DatedHoliday,
    HolidayBook,
    Line,
    Menu,
    Override,
    OverrideState,
    Policy,
    QueueDef,
    Site,
    Span,
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


def _site(found: Findings) -> Site:
    document = read_document(found, 'site.toml', 'site')
    top = document.whole(shapes.SiteFile)
    head = document.shaped(shapes.SiteShape, top.site, ('site',)) if top else None
    if head is None:
        found.unread.add(('site', '*'))
    utc = zone_called('UTC')
    zone = _zone(document, ('site', 'zone'), head.zone, utc) if head else utc
    policy = policy_read(document, top.policy if top else {}, Policy())
    calendars = _calendars(found, zone)
    clients, lines = read_clients(found, policy, catalogue(found))
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
        trunks=trunks(document, top),
        emergency=emergency(document, top),
        overrides=_overrides(found, lines, calendars, zone),
        prompt_texts=_prompt_texts(found),
        fragments=_fragments(found),
        places=found.places,
        mail=mail_settings(document, top),
        fax_server=fax_settings(document, top),
        prices=prices(found),
        mail_templates=mail_templates(found),
        letterhead=letterhead(found, head.name if head else ''))


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
        number = document.phone((*path, 'line'), shape.line)
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
    return {login: Agent(login, shape.name, shape.extension, tuple(shape.queues), document.where(login), shape.email, shape.supervisor)
            for login, shape in document.tables(shapes.AgentShape, 'agent')}


def _prompt_texts(found: Findings) -> dict[str, str]:
    document = read_document(found, 'prompts.toml', 'text')
    top = document.whole(shapes.PromptsFile)
    return dict(top.texts) if top else {}


def _fragments(found: Findings) -> dict[str, str]:
    fragments = {}
    for file in names_in(found.folder, 'custom', '.conf'):
        try:
            fragments[file] = decode_utf8(read_bytes(found.folder, file))
        except Unreadable as error:
            found.problem(Where(file, line_named(str(error)), 'file'), str(error))
    return fragments
