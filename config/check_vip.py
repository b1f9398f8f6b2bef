"""Checks of VIPs: how many, where they wait, at which numbers (mission.md 1.3)."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from config.check_common import Known, absent, choose, place
from config.check_contract import lines_unread
from config.problems import Problem
from config.values import Client, Modality, Site
from config.vip_cap import vip_cap, vips_of


def vip_is_within_its_cap(site: Site, known: Known) -> Iterator[Problem]:
    """At most `vip_percent` of a client's users are VIP, or as many as a waiver allows, and they have a queue (mission.md 1.3)."""
    for client in site.clients.values():
        vips = vips_of(client)
        if ('users', client.key) not in known.unread:
            yield from _too_many(client, known)
        if vips and Modality.VIP not in client.modalities:
            yield Problem(place(site, client.where, 'modalities'),
                          f'{len(vips)} users are VIP, the first in {vips[0].where.file}:{vips[0].where.line}, '
                          'but "vip" is not contracted: add it here or remove the flags')
        if Modality.VIP in client.modalities and client.vip_queue is None:
            yield Problem(place(site, client.where, 'vip_queue'), '"vip" is contracted but VIPs have no queue: add vip_queue = "..."')
        if client.vip_queue is not None:
            yield from _vip_queue(site, known, client)


def _too_many(client: Client, known: Known) -> Iterator[Problem]:
    """Whoever adds a VIP above the cap is refused; that the cap sank below those who are there is told, and calls go on."""
    cap, vips = vip_cap(client, known.today), vips_of(client)
    if cap.is_kept:
        return
    before = known.vips_before.get(client.key, frozenset())
    added = [user for user in vips if user.employee_number not in before]
    said = f'{cap.vips} of {cap.users} users of {client.key} are VIP; {cap.percent} % allow {cap.by_percent}'
    if cap.waiver:
        said += f', and the waiver until {cap.waiver.until} {cap.waiver.users}'
    elif cap.ended and cap.ended.users >= cap.vips:
        said += f', and the waiver for {cap.ended.users} ended on {cap.ended.until}'
    if added:
        here = added[0] if before else vips[cap.allowed]
        yield Problem(replace(here.where, key='vip'), f"{said}: remove the flag here, agree on another vip_percent in the client's "
                      "[policy], or write down the client's dated waiver as [[waiver]]")
    else:
        yield Problem(replace(vips[cap.allowed].where, key='vip'), f'{said}. Nobody was added, so they keep what they have, and the '
                      "supervisors and the client's contact are told: agree on who gives up the flag, or on a [[waiver]]", 'warning')


def _vip_queue(site: Site, known: Known, client: Client) -> Iterator[Problem]:
    here = place(site, client.where, 'vip_queue')
    if absent(client.vip_queue or '', 'queue', site.queues, known):
        yield Problem(here, f'no queue is called {client.vip_queue!r}: {choose(site.queues)}')
    elif (queue := site.queues.get(client.vip_queue or '')) and queue.client != client.key:
        yield Problem(here, f'queue {client.vip_queue!r} belongs to client {queue.client!r}: choose one of {client.key}')


def vip_has_two_numbers(site: Site, known: Known) -> Iterator[Problem]:
    """The VIP modality has exactly two numbers, and both lead to the same service (mission.md 1.3)."""
    for client in site.clients.values():
        numbers = [line for line in site.lines.values() if line.client == client.key and line.modality is Modality.VIP]
        if Modality.VIP not in client.modalities or lines_unread(client.key, Modality.VIP, known):
            continue
        if len(numbers) != 2:
            yield Problem(place(site, client.where, 'modalities'),
                          f'"vip" has exactly two numbers, here it has {len(numbers)}: add or remove a [[line]]')
            continue
        one, two = numbers
        for key in ('queue', 'calendar', 'menu'):
            if getattr(one, key) != getattr(two, key):
                yield Problem(place(site, two.where, key),
                              f'both VIP numbers lead to the same service, but {key} differs from '
                              f'{one.where.file}:{one.where.line}: make them equal')
