"""Checks of what was agreed: modalities, users, calendars, holidays and overrides."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from config.check_common import Known, absent, choose, place
from config.problems import Problem
from config.values import Modality, OverrideState, Site, Where

LONG_OVERRIDE = timedelta(days=31)
DAY_NAMES = ('', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday')


def modalities_have_lines(site: Site, known: Known) -> Iterator[Problem]:
    """What is contracted has a number, and every number was contracted (mission.md 1.1)."""
    for client in site.clients.values():
        used = {line.modality for line in site.lines.values() if line.client == client.key}
        for modality in sorted(client.modalities - used - {Modality.VIP}):
            if not lines_unread(client.key, modality, known):
                yield Problem(place(site, client.where, 'modalities'),
                              f'"{modality}" is contracted but has no number: add a [[line]] or remove it here')
    for line in site.lines.values():
        if line.modality not in site.clients[line.client].modalities:
            yield Problem(place(site, line.where, 'modality'),
                          f'"{line.modality}" is not among the client\'s modalities: add it there or remove the line')


def lines_unread(client: str, modality: Modality, known: Known) -> bool:
    """Whether a line of this modality may stand in the files and could not be read."""
    return ('modality', f'{client}:{modality}') in known.unread


def categories_have_own_keys(site: Site, known: Known) -> Iterator[Problem]:
    """No two categories of a client share a key or a name."""
    for client in site.clients.values():
        for attribute in ('key', 'name'):
            taken: set[str] = set()
            for index, category in enumerate(client.categories):
                value = getattr(category, attribute)
                if value in taken:
                    yield Problem(place(site, client.where, 'category', index, attribute),
                                  f"{attribute} {value!r} is already a category's: choose another")
                taken.add(value)


def phones_identify_one_user(site: Site, known: Known) -> Iterator[Problem]:
    """Phones that will never identify anybody: shared by two users, or a trunk's (mission.md 3.1, 3.2)."""
    for client in site.clients.values():
        first: dict[str, Where] = {}
        for user in client.users:
            for phone in user.phones:
                here = replace(user.where, key='phones')
                if phone in client.trunk_numbers:
                    yield Problem(here, f'{phone} is a trunk number of {client.key}: it will identify nobody; remove it here', 'warning')
                elif phone in first:
                    yield Problem(here, f'{phone} is also that of {first[phone].file}:{first[phone].line}: it will identify nobody; '
                                  'keep it if they share it', 'warning')
                first.setdefault(phone, user.where)


def trunk_numbers_are_not_lines(site: Site, known: Known) -> Iterator[Problem]:
    """A client's trunk number is his own, not one that callers dial."""
    for client in site.clients.values():
        for number in sorted(client.trunk_numbers & site.lines.keys()):
            line = site.lines[number]
            yield Problem(place(site, client.where, 'trunk_numbers'),
                          f'{number} is a contracted number ({line.where.file}:{line.where.line}), '
                          "not the client's trunk: correct it")


def spans_do_not_overlap(site: Site, known: Known) -> Iterator[Problem]:
    """The spans of a day are in order and apart (mission.md 2.1)."""
    for calendar in site.calendars.values():
        for day, spans in calendar.week.items():
            here = place(site, calendar.where, DAY_NAMES[day])
            for span in spans:
                if span.opens >= span.closes:
                    yield Problem(here, f'{_clock(span.opens)}-{_clock(span.closes)} closes before it opens: '
                                  'swap the times; past midnight write two spans, the second on the next day')
            forward = [span for span in spans if span.opens < span.closes]
            for before, after in pairwise(forward):
                if after.opens < before.closes:
                    yield Problem(here, f'{_clock(before.opens)}-{_clock(before.closes)} and {_clock(after.opens)}-{_clock(after.closes)} '
                                  'overlap: join them or move one')


def _clock(minutes: int) -> str:
    return f'{minutes // 60:02}:{minutes % 60:02}'


def site_calendars_exist(site: Site, known: Known) -> Iterator[Problem]:
    """The calendars of users' sites and of dated holidays exist (mission.md 2.3)."""
    for client in site.clients.values():
        for name, calendar in client.site_calendars.items():
            here = place(site, client.where, 'site_calendars', name)
            if absent(calendar, 'calendar', site.calendars, known):
                yield Problem(here, f'no calendar is called {calendar!r}: {choose(site.calendars)}')
            elif client.users and ('users', client.key) not in known.unread and name not in {user.site for user in client.users}:
                yield Problem(here, f'no user of {client.key} has the site {name!r}: is it written as in the list of users?', 'warning')
    for day in site.holidays.dated:
        if day.calendar is not None and absent(day.calendar, 'calendar', site.calendars, known):
            yield Problem(place(site, day.where, 'calendar'), f'no calendar is called {day.calendar!r}: {choose(site.calendars)}')


def overrides_expire(site: Site, known: Known) -> Iterator[Problem]:
    """Overrides name a line, end after they begin, and are not forgotten (mission.md 2.4)."""
    midnight = datetime.combine(known.today, datetime.min.time(), site.zone).astimezone(UTC)
    for override in site.overrides:
        here = place(site, override.where, 'until')
        if absent(override.line, 'line', site.lines, known):
            yield Problem(place(site, override.where, 'line'), f'{override.line} is not a contracted number: correct it')
        if override.state is OverrideState.MESSAGE and override.message is None:
            yield Problem(place(site, override.where, 'message'), 'there is no message to play: add message = "site/..."')
        if override.until <= override.since:
            yield Problem(here, 'the override ends before it begins: correct since or until')
        elif override.until <= midnight:
            yield Problem(here, 'the override has expired: remove it', 'warning')
        elif override.until - max(override.since, midnight) > LONG_OVERRIDE:
            yield Problem(here,
                          f'the override lasts longer than {LONG_OVERRIDE.days} days: does it belong in calendars.toml or holidays.toml?',
                          'warning')


def holidays_are_confirmed(site: Site, known: Known) -> Iterator[Problem]:
    """Somebody has confirmed the next twelve months (mission.md 2.2). A warning: health says so, too, but calls go on."""
    if ('holidays', '*') in known.unread:
        return
    top = Where('holidays.toml', 1, '')
    until, ahead = site.holidays.confirmed_until, _next_year(known.today)
    if until is None or until < ahead:
        yield Problem(place(site, top, 'confirmed_until'),
                      f'holidays are confirmed until {until or "no day"}, not for the next twelve months: '
                      f'look at `mesa calendar {ahead.year}` and write confirmed_until = {ahead} or later', 'warning')
    if until is not None and not site.holidays.confirmed_by:
        yield Problem(place(site, top, 'confirmed_by'), 'nobody stands for the list of holidays: add confirmed_by = "..."', 'warning')
    for day in site.holidays.dated:
        if not day.confirmed and known.today <= day.day <= ahead:
            yield Problem(place(site, day.where, 'confirmed'), f'{day.day} ({day.name}) is only proposed: confirm or remove it', 'warning')


def _next_year(today: date) -> date:
    return date(today.year + 1, today.month, min(today.day, 28) if today.month == 2 else today.day)
