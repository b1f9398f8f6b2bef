"""Checks of what ends up in Asterisk's files: names, extensions, trunks and the emergency route."""
from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator

from config.check_common import Known, place
from config.phones import e164
from config.problems import Problem
from config.values import Site, Where

NAME = re.compile(r'[a-z0-9][a-z0-9-]{0,39}')          # becomes a context, a queue or a file name of Asterisk
EXTENSION = re.compile(r'[0-9]{2,8}')
HOST = re.compile(r'(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?')
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
OFF_LOOPBACK = 'is not on loopback, where a demo site must stay: use 127.0.0.x, or set demo = false in [site]'


def names_are_safe(site: Site, known: Known) -> Iterator[Problem]:
    """Names become names in Asterisk's files: nothing that could mean something there."""
    named = (*site.clients.values(), )
    for client in named:
        if not NAME.fullmatch(client.key):
            yield Problem(Where(client.where.file, 1, 'file'), _unsafe(client.key))
    for things in (site.calendars, site.menus, site.queues, site.agents):
        for name, thing in things.items():
            if not NAME.fullmatch(name):
                yield Problem(thing.where, _unsafe(name))
    for trunk in site.trunks:
        if not NAME.fullmatch(trunk.name):
            yield Problem(place(site, trunk.where, 'name'), _unsafe(trunk.name))


def _unsafe(name: str) -> str:
    return f'{name!r} cannot be a name: use small letters without accents, digits and -, at most 40, beginning with a letter or digit'


def extensions_are_free(site: Site, known: Known) -> Iterator[Problem]:
    """An agent's extension is a short number that nothing else has."""
    first: dict[str, Where] = {}
    contracted = {number: line.where for number, line in site.lines.items()}
    for agent in site.agents.values():
        here = place(site, agent.where, 'extension')
        if not EXTENSION.fullmatch(agent.extension):
            yield Problem(here, f'extension {agent.extension!r} cannot be dialled: use 2 to 8 digits')
        elif agent.extension in {'911', *site.emergency.numbers}:
            yield Problem(here, f'extension {agent.extension} is an emergency number: choose another')
        elif agent.extension in first:
            other = first[agent.extension]
            yield Problem(here, f'extension {agent.extension} is already that of {other.file}:{other.line}, {other.key}: choose another')
        elif (number := e164(agent.extension) or _short_form(agent.extension, contracted)) in contracted:
            other = contracted[number]
            yield Problem(here,
                          f'extension {agent.extension} is a form of the contracted number {number} '
                                f'({other.file}:{other.line}): choose another')
        first.setdefault(agent.extension, agent.where)


def _short_form(extension: str, numbers: Iterable[str]) -> str:
    """The number that ends in an extension as long as a local number."""
    return next((number for number in numbers if len(extension) >= 7 and number.endswith(extension)), '')


def trunks_are_known_by_address(site: Site, known: Known) -> Iterator[Problem]:
    """A trunk is known by its own addresses, never by "anybody"; a demo site stays on loopback."""
    if not site.trunks and not known.unread & {('site', '*'), ('trunk', '*')}:
        yield Problem(Where('site.toml', 1, 'trunk'), 'there is no trunk, so no call can come in: add a [[trunk]]', 'warning')
    names: set[str] = set()
    seen: list[tuple[Network, Where]] = []
    for trunk in site.trunks:
        if trunk.name in names:
            yield Problem(place(site, trunk.where, 'name'), f'there is already a trunk {trunk.name!r}: choose another name')
        names.add(trunk.name)
        if not trunk.addresses:
            yield Problem(place(site, trunk.where, 'addresses'), "the trunk has no address: add the carrier's")
        for index, address in enumerate(trunk.addresses):
            here = place(site, trunk.where, 'addresses', index)
            network = _network(address)
            if network is None:
                yield Problem(here, f'{address!r} is neither an IP address nor a network: write it like "192.0.2.10" or "192.0.2.0/28"')
                continue
            if network.prefixlen == 0 or network.network_address.is_unspecified:
                yield Problem(here, f"{address} is everybody: name the carrier's own addresses")
                continue
            if site.demo and not network.is_loopback:
                yield Problem(here,
                              f'{address} {OFF_LOOPBACK}')
            for other, where in seen:
                if other.version == network.version and other.overlaps(network):
                    yield Problem(here, f'{address} overlaps {other} of {where.file}:{where.line}: a caller must come from one trunk only')
            seen.append((network, here))


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def emergency_route_is_named(site: Site, known: Known) -> Iterator[Problem]:
    """A 911 dialled by an agent has somewhere to go."""
    if ('site', '*') in known.unread:
        return
    route = site.emergency
    if not route.numbers and not route.address:
        yield Problem(route.where,
                      'there is no emergency route: add [emergency] with numbers = ["911"] and the address that takes the call')
        return
    if '911' not in route.numbers:
        yield Problem(place(site, route.where, 'numbers'), '911 is not among the emergency numbers: add it')
    for index, number in enumerate(route.numbers):
        if not re.fullmatch(r'[0-9]{2,6}', number):
            yield Problem(place(site, route.where, 'numbers', index), f'{number!r} cannot be dialled: use 2 to 6 digits')
    here = place(site, route.where, 'address')
    yield from _peer(site, here, route.address)


def outgoing_trunks_are_named(site: Site, known: Known) -> Iterator[Problem]:
    """The peer that takes our own calls is an address, on loopback on a demo site; what it shows is a number of ours."""
    for trunk in site.trunks:
        if trunk.outbound:
            yield from _peer(site, place(site, trunk.where, 'outbound'), trunk.outbound)
            if not trunk.caller_id:
                yield Problem(place(site, trunk.where, 'caller_id'),
                              'our own calls would show no number: add caller_id = "..."', 'warning')


def _peer(site: Site, here: Where, address: str) -> Iterator[Problem]:
    split = split_address(address)
    if split is None:
        yield Problem(here, f'{address!r} is not an address: write it like "192.0.2.20" or "192.0.2.20:5060"')
    elif site.demo and not is_loopback(split[0]):
        yield Problem(here, f'{address} {OFF_LOOPBACK}')


def split_address(text: str) -> tuple[str, int | None] | None:
    """Host, without brackets, and port of 'host' or 'host:port'; None when it is neither."""
    match = HOST.fullmatch(text)
    port = int(match['port']) if match and match['port'] else None
    return None if match is None or (port is not None and not 0 < port < 65536) else (match['host'].strip('[]'), port)


def is_loopback(host: str) -> bool:
    """Whether a host is an address of this machine's own; a name never is, not even 'localhost'."""
    network = _network(host)
    return network is not None and network.is_loopback
