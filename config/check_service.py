"""Checks of what serves a folio after the call: people, groups, catalogue, ladder (mission.md chapter 4)."""
from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from config.check_common import Known, absent, choose, place
from config.check_mail import is_email
from config.contract import way_out
from config.problems import Problem
from config.values import Client, EscalationStep, Modality, Site, Where

NOT_PEOPLE = frozenset({'user', 'contact', 'caller', 'mesa', 'email'})
ROLES = ('agent', 'group', 'supervisor', 'contact')


def somebody_supervises(site: Site, known: Known) -> Iterator[Problem]:
    """Complaints, escalations and bounces reach a person (mission.md 4.1, 4.5)."""
    if any(kind == 'agent' for kind, _ in known.unread):
        return
    if not any(agent.supervisor and agent.email for agent in site.agents.values()):
        yield Problem(Where('agents.toml', 1, 'supervisor'), 'no supervisor hears of complaints, escalations and bounces: '
                      'give somebody supervisor = true and an email', 'warning')


def logins_are_people(site: Site, known: Known) -> Iterator[Problem]:
    """No agent is called like somebody who acts in timelines without being one of ours (mission.md 4.7)."""
    for login in sorted(set(site.agents) & NOT_PEOPLE):
        yield Problem(site.agents[login].where, f'{login!r} stands for somebody else in timelines: give the agent another login')


def groups_have_people(site: Site, known: Known) -> Iterator[Problem]:
    """An internal resolver group's agents are ours; an external one has none of ours (mission.md 4.4)."""
    for client in site.clients.values():
        for group in client.groups.values():
            for index, login in enumerate(group.agents):
                if absent(login, 'agent', site.agents, known):
                    yield Problem(place(site, group.where, 'agents', index), f'no agent is called {login!r}: {choose(site.agents)}')
            if group.agents and not group.internal:
                yield Problem(place(site, group.where, 'agents'),
                              'an external group has its own people: remove agents, or write internal = true')
            elif group.internal and not group.agents:
                yield Problem(group.where, f'nobody is in the internal group {group.key!r}: add agents = [...]', 'warning')


def applications_have_material(site: Site, known: Known) -> Iterator[Problem]:
    """A client's own application is active only with its material, and only under premium (mission.md 1.2)."""
    for client in site.clients.values():
        for own in client.applications.values():
            if own.modality is not Modality.PREMIUM:
                continue
            if own.active and not own.material:
                yield Problem(place(site, own.where, 'material'), f'{own.key!r} is active without material: add material = ["..."], '
                              'or write active = false until it is on file (mission.md 1.2)')
            if own.active and Modality.PREMIUM not in client.modalities:
                yield Problem(place(site, own.where, 'key'), f'{own.key!r} is an application of the client\'s own, but "premium" is not '
                              'contracted: add it to modalities, or write active = false')


def ladders_ascend(site: Site, known: Known) -> Iterator[Problem]:
    """Each step of an escalation ladder comes later than the one before, and tells somebody (mission.md 4.5)."""
    for client in site.clients.values():
        if ('escalation', client.key) in known.unread:
            continue
        for index, (before, after) in enumerate(pairwise(client.escalation), start=1):
            if _order(after) <= _order(before):
                yield Problem(place(site, client.where, 'escalation', index),
                              f'the step {after.name} does not come after {before.name}: put the steps in order, each once')
        for index, step in enumerate(client.escalation):
            yield from _told(site, client, step, place(site, client.where, 'escalation', index, 'notify'))


def _order(step: EscalationStep) -> tuple[int, int]:
    return (0, step.percent) if step.percent is not None else (1, step.after_minutes or 0)


def _told(site: Site, client: Client, step: EscalationStep, here: Where) -> Iterator[Problem]:
    for who in step.notify:
        if who not in ROLES and not is_email(who):
            yield Problem(here, f'{who!r} is nobody who can be told: write {", ".join(ROLES)} or an e-mail address')


def contacts_can_answer(site: Site, known: Known) -> Iterator[Problem]:
    """Who must confirm a closing, or hears of an escalation, is there (mission.md 4.5, 4.7)."""
    for client in site.clients.values():
        if client.contact is not None or ('contact', client.key) in known.unread:
            continue
        asked = {policy.verify_with for policy in client.policies} & {'contact', 'both'}
        here = place(site, client.where, 'contact')
        if asked:
            yield Problem(here, f'verify_with = "{min(asked)}" asks the client\'s contact, but there is none: add [contact]')
        elif any('contact' in step.notify for step in client.escalation):
            yield Problem(here, "the escalation ladder tells the client's contact, but there is none: add [contact]", 'warning')


def own_calls_have_a_way_out(site: Site, known: Known) -> Iterator[Problem]:
    """Close calls and call-backs need a trunk that takes our calls (mission.md 3.6, 4.7)."""
    if way_out(site) or not site.trunks or known.unread & {('site', '*'), ('trunk', '*')}:
        return
    policies = [policy for client in site.clients.values() for policy in client.policies]
    if any(policy.callback or policy.close_call_attempts for policy in policies):
        yield Problem(place(site, site.trunks[0].where, 'outbound'), 'no trunk takes our own calls, so there are no close calls '
                      'and no call-backs: add outbound = "host:port", or write callback = false and close_call_attempts = 0 in [policy]',
                      'warning')


def faxes_are_rated_as_calls(site: Site, known: Known) -> Iterator[Problem]:
    """One ledger has what all calls out cost, those of faxes included (mission.md 7.3)."""
    if site.fax_server.price_per_minute:
        yield Problem(place(site, site.fax_server.where, 'price_per_minute'),
                      'price_per_minute is read no more: the calls of faxes that we send are rated by the tariffs, like every call out. '
                      'Remove it, and see that the tariffs have the prefixes that are faxed to', 'warning')
