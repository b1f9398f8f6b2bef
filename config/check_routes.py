"""Checks of where calls are led: lines, queues, menus, and what is played to callers on the way."""
from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping

from config.check_common import Known, absent, choose, place
from config.problems import Problem
from config.values import Menu, Modality, Site, Where

PROMPT = re.compile(r'[a-z0-9_-]+(?:/[a-z0-9_-]+)*')
ENDS = frozenset({'new', 'status', 'agent'})           # where a menu may lead and the caller is surely out of it
Leads = Mapping[str, list[tuple[tuple[str | int, ...], str]]]   # menu -> (path of the key that leads, where it leads)


def lines_lead_somewhere(site: Site, known: Known) -> Iterator[Problem]:
    """Calendar, queue and menu of every line exist and are the client's own (mission.md 3.1)."""
    for line in site.lines.values():
        if absent(line.calendar, 'calendar', site.calendars, known):
            yield Problem(place(site, line.where, 'calendar'), f'no calendar is called {line.calendar!r}: {choose(site.calendars)}')
        if line.modality is Modality.FAX:
            for key, value in (('queue', line.queue), ('menu', line.menu)):
                if value is not None:
                    yield Problem(place(site, line.where, key), f'a fax line has no {key}: remove it')
            continue
        yield from _line_queue(site, known, line.where, line.queue, line.client)
        if line.menu is None and line.modality is not Modality.VIP:
            yield Problem(place(site, line.where, 'menu'), f'a {line.modality} line needs a menu: add menu = "..."; {choose(site.menus)}')
        if line.menu is not None and absent(line.menu, 'menu', site.menus, known):
            yield Problem(place(site, line.where, 'menu'), f'no menu is called {line.menu!r}: {choose(site.menus)}')


def _line_queue(site: Site, known: Known, where: Where, queue: str | None, client: str) -> Iterator[Problem]:
    here = place(site, where, 'queue')
    own = [name for name, each in site.queues.items() if each.client == client]
    if queue is None:
        yield Problem(here, f'callers of this line have nowhere to wait: add queue = "..."; {choose(own)}')
    elif absent(queue, 'queue', site.queues, known):
        yield Problem(here, f'no queue is called {queue!r}: {choose(own)}')
    elif queue in site.queues and site.queues[queue].client != client:
        yield Problem(here, f'queue {queue!r} belongs to client {site.queues[queue].client!r}: {choose(own)}')


def queues_and_agents_fit(site: Site, known: Known) -> Iterator[Problem]:
    """Every queue is a client's, every agent's queue exists, and somebody answers in each queue."""
    agents_unread = any(kind == 'agent' for kind, _ in known.unread)
    for queue in site.queues.values():
        if absent(queue.client, 'client', site.clients, known):
            yield Problem(place(site, queue.where, 'client'), f'no client is called {queue.client!r}: {choose(site.clients)}')
        elif not agents_unread and not any(queue.name in agent.queues for agent in site.agents.values()):
            yield Problem(queue.where, f'nobody answers in queue {queue.name!r}: add it to an agent in agents.toml', 'warning')
    for agent in site.agents.values():
        for index, name in enumerate(agent.queues):
            if absent(name, 'queue', site.queues, known):
                yield Problem(place(site, agent.where, 'queues', index), f'no queue is called {name!r}: {choose(site.queues)}')


def menus_lead_somewhere(site: Site, known: Known) -> Iterator[Problem]:
    """Every choice and every fallback of a menu exists; a key is offered once."""
    for menu in site.menus.values():
        if not menu.choices and ('choices', menu.name) not in known.unread:
            yield Problem(place(site, menu.where, 'choice'), 'the menu offers nothing: add a [[... .choice]]')
        for index, choice in enumerate(menu.choices):
            yield from _goto(site, known, menu, choice.goto, place(site, menu.where, 'choice', index, 'goto'))
            if choice.key in {other.key for other in menu.choices[:index]}:
                yield Problem(place(site, menu.where, 'choice', index, 'key'),
                              f'key {choice.key} is already taken in this menu: choose another')
        here = place(site, menu.where, 'fallback')
        if menu.fallback == 'continue':
            yield Problem(here, 'a caller without an open folio has nothing to continue and would never leave: choose agent, new or status')
        else:
            yield from _goto(site, known, menu, menu.fallback, here)


def _goto(site: Site, known: Known, menu: Menu, goto: str, here: Where) -> Iterator[Problem]:
    name = goto.removeprefix('menu:')
    if goto.startswith('menu:') and absent(name, 'menu', site.menus, known):
        yield Problem(here, f'no menu is called {name!r}: {choose(site.menus)}')
    elif not goto.startswith('menu:') and goto not in ENDS | {'continue'}:
        yield Problem(here, f'{goto!r} leads nowhere: choose new, status, continue, agent or "menu:NAME"')


def menus_end(site: Site, known: Known) -> Iterator[Problem]:
    """A menu does not loop into itself.

    Errors: a choice or fallback that leads to its own menu; fallbacks that lead in a circle, so that a silent caller
    hears menus for ever; a menu from which no key and no fallback ever leads out ('continue' is no way out: it is not
    always offered). A longer circle that a caller can leave, such as a key "back", is only a warning.
    """
    if any(kind in ('menu', 'choices') for kind, _ in known.unread):
        return
    leads = {menu.name: _leads(menu) for menu in site.menus.values()}
    for menu in site.menus.values():
        for path, goto in leads[menu.name]:
            here = place(site, menu.where, *path)
            target = goto.removeprefix('menu:') if goto.startswith('menu:') else None
            if target == menu.name:
                yield Problem(here, f'menu {menu.name!r} loops into itself: lead elsewhere; it is repeated by itself `tries` times')
            elif target and path == ('fallback',) and (circle := _fallbacks(site, menu.name)):
                yield Problem(here, f'a caller who presses nothing goes round for ever ({circle}): let one fallback be agent')
            elif target and not _way_out(leads, menu.name):
                yield Problem(here, f'no key and no fallback leads out of menu {menu.name!r}: let one be agent, new or status')
            elif target and menu.name in _reached(leads, target):
                yield Problem(here,
                              f'menu {menu.name!r} leads back to itself through {target!r}: a caller may go round and round',
                              'warning')


def _leads(menu: Menu) -> list[tuple[tuple[str | int, ...], str]]:
    return [*((('choice', index, 'goto'), choice.goto) for index, choice in enumerate(menu.choices)), (('fallback',), menu.fallback)]


def _fallbacks(site: Site, start: str) -> str:
    """The circle of fallbacks through a menu, as text; empty when there is none."""
    names = [start]
    while (goto := site.menus[names[-1]].fallback).startswith('menu:') and (name := goto.removeprefix('menu:')) in site.menus:
        names.append(name)
        if name == start:
            return ' -> '.join(names)
        if name in names[:-1]:
            return ''
    return ''


def _reached(leads: Leads, start: str) -> set[str]:
    """The menus that can be reached from a menu, itself included."""
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in reached or name not in leads:
            continue
        reached.add(name)
        waiting += [goto.removeprefix('menu:') for _, goto in leads[name] if goto.startswith('menu:')]
    return reached


def _way_out(leads: Leads, start: str) -> bool:
    return any(goto in ENDS for name in _reached(leads, start) for _, goto in leads[name])


def every_prompt_is_recorded(site: Site, known: Known) -> Iterator[Problem]:
    """Whatever is played by name has a recording or an admin's own text, and a safe name."""
    texts_unread = ('text', '*') in known.unread
    there = known.prompts | {f'site/{name}' for name in site.prompt_texts}
    for where, name in _prompts(site):
        if not PROMPT.fullmatch(name):
            yield Problem(where, f'{name!r} cannot be a prompt: use small letters, digits, -, _ and / alone, without the ending .wav')
        elif name not in there and not (texts_unread and name.startswith('site/')):
            yield Problem(where, f'there is no prompt {name!r}: ' + _advice(name, there))
    for name in site.prompt_texts:
        if not PROMPT.fullmatch(name) or '/' in name:
            yield Problem(place(site, Where('prompts.toml', 1, 'texts'), name),
                          f'{name!r} cannot be a prompt: use small letters, digits, - and _ alone; it is played as site/NAME')


def _advice(name: str, there: Iterable[str]) -> str:
    if name.startswith('site/'):
        return f'give prompts.toml a text {name.removeprefix("site/")!r}, or put a recording into prompts/'
    close = difflib.get_close_matches(name, there, n=1, cutoff=0.8)
    return f'did you mean {close[0]!r}?' if close else 'correct the name, or use a text of your own as "site/NAME"'


def _prompts(site: Site) -> Iterator[tuple[Where, str]]:
    for line in site.lines.values():
        if line.greeting or line.modality is not Modality.FAX:
            yield place(site, line.where, 'greeting'), line.greeting
    for menu in site.menus.values():
        yield place(site, menu.where, 'greeting'), menu.greeting
        for index, choice in enumerate(menu.choices):
            yield place(site, menu.where, 'choice', index, 'prompt'), choice.prompt
    for client in site.clients.values():
        yield place(site, client.where, 'privacy_notice'), client.privacy_notice
        for index, category in enumerate(client.categories):
            yield place(site, client.where, 'category', index, 'prompt'), category.prompt
    for override in site.overrides:
        if override.message is not None:
            yield place(site, override.where, 'message'), override.message
