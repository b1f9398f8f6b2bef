"""The Asterisk that `mesa call` and `mesa answer` have to do with, as the site names it; all of it on this machine."""
from __future__ import annotations

import re
from dataclasses import dataclass, field

from callcenter.console import Complaint
from callcenter.phone import Server, loopback
from config.check_network import split_address
from config.contract import way_out
from config.phones import e164
from config.values import Site

SIP_PORT = 5060                                        # where an address names none


@dataclass(frozen=True)
class Exchange:
    """The Asterisk to call, and the address of the trunk to call from."""

    sip: Server
    ami_port: int
    probe_secret: str = field(repr=False)
    trunk_address: str = '127.0.0.2'


@dataclass(frozen=True)
class FarEnd:
    """Where the calls that Mesa places arrive: the other end of a trunk. `endpoint` is Asterisk's name of the trunk."""

    endpoint: str
    listens: Server


def exchange_of(site: Site, host: str, sip_port: int, ami_port: int, probe_secret: str) -> Exchange:
    """How to call a site's Asterisk through its first trunk. Complaint when that is not on this machine."""
    if not site.trunks or not site.trunks[0].addresses:
        raise Complaint('This site has no trunk to call through: add a [[trunk]] to site.toml, for example addresses = ["127.0.0.2"].')
    return Exchange(Server(loopback(host), sip_port), ami_port, probe_secret, loopback(site.trunks[0].addresses[0]))


def far_end_of(site: Site) -> FarEnd:
    """Where the first trunk that takes our own calls leads. Complaint when there is none, or when it leads off this machine."""
    trunk = way_out(site)
    if trunk is None:
        raise Complaint('No trunk of this site takes the calls that Mesa places: add outbound = "127.0.0.2:5070" to a [[trunk]] '
                        'in site.toml.')
    host, port = split_address(trunk.outbound) or (trunk.outbound, None)
    return FarEnd(f'trunk-{trunk.name}', Server(loopback(host), port or SIP_PORT))


def dial_string(number: str) -> str:
    """The number as it is dialled: digits, perhaps after a +. Complaint when it is no telephone number."""
    if e164(number) is None:
        raise Complaint(f'{number!r} is not a telephone number: write ten digits or E.164, for example 8005550101 or +528005550101.', 2)
    return re.sub(r'[^0-9+]', '', number)
