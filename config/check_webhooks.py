"""Checks of what a client's own systems hear: where webhooks lead, what they ask for, and the screen-pop URL."""
from __future__ import annotations

import difflib
from collections.abc import Iterator

from config.check_common import Known, place
from config.check_network import OFF_LOOPBACK
from config.problems import Problem
from config.screen_pop import pop_url_faults
from config.values import Site, Webhook
from config.webhooks import EVENTS, PATTERN, Target, is_asked_for, is_local_name, is_never_told, target_of


def webhooks_lead_to_the_client(site: Site, known: Known) -> Iterator[Problem]:
    """https to another machine; this machine itself only on a demo site, which stays there, or when it says so."""
    for client in site.clients.values():
        for hook in client.webhooks:
            here = place(site, hook.where, 'url')
            try:
                fault = _fault(site, hook, target_of(hook.url))
            except ValueError as error:
                fault = f'{hook.url!r} cannot be called: {error}'
            if fault:
                yield Problem(here, fault)


def _fault(site: Site, hook: Webhook, target: Target) -> str | None:
    if target.address is not None and is_never_told(target.address):
        return f"{target.host} is nobody's own address: name the receiver"
    if site.demo:
        return None if target.is_loopback else f'{hook.url} {OFF_LOOPBACK}'
    if target.is_loopback:
        return None if hook.loopback else (
            f"{hook.url} leads back to this machine, where Mesa's own services listen: write loopback = true if that is meant")
    if is_local_name(target.host):
        return f'{target.host!r} is this machine: write its address, 127.0.0.1, and loopback = true'
    return None if target.scheme == 'https' else f'{hook.url} would carry what happens in the clear: write https://'


def webhooks_ask_for_events(site: Site, known: Known) -> Iterator[Problem]:
    """Each pattern stands for events that there are."""
    for client in site.clients.values():
        for hook in client.webhooks:
            if not hook.events:
                yield Problem(place(site, hook.where, 'events'), 'it hears of nothing: write events = ["folio.*"] or the like')
            for index, pattern in enumerate(hook.events):
                if not PATTERN.fullmatch(pattern) or not any(is_asked_for(Webhook('', '', (pattern,)), event) for event in EVENTS):
                    near = difflib.get_close_matches(pattern, EVENTS, n=1)
                    advice = f'did you mean {near[0]!r}?' if near else f'the events are {", ".join(EVENTS)}, or "folio.*", "*"'
                    yield Problem(place(site, hook.where, 'events', index), f'there are no events {pattern!r}: {advice}')


def pops_lead_somewhere(site: Site, known: Known) -> Iterator[Problem]:
    """The screen-pop URL is one, and its placeholders are ours."""
    for client in site.clients.values():
        if client.screen_pop:
            here = place(site, client.where, 'screen_pop', 'url')
            for fault in pop_url_faults(client.screen_pop):
                yield Problem(here, fault)
