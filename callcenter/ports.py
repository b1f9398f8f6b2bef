"""Choosing ports that nobody else uses."""
from __future__ import annotations

import random
import socket
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict

from config.place import MOST_MODEMS, Ports

USUAL = Ports(sip=5060, agi=4573, ami=5038, rtp_start=10000, rtp_end=14999, lmtp=8024, web=8080, metrics=9464)
# Below the range from which the kernel serves outgoing connections. RTP is apart: between calls its ports look free.
RTP = range(20000, 27000)
FREE = range(27000, 32000)
FREE_RTP = 400                                         # Asterisk skips one that is taken, so ranges may overlap


def usual_ports() -> Ports:
    """The usual ports, with a free one in place of each that somebody else uses."""
    taken: set[int] = set()
    return Ports(sip=_usual_or_free(USUAL.sip, taken), agi=_usual_or_free(USUAL.agi, taken), ami=_usual_or_free(USUAL.ami, taken),
                 rtp_start=USUAL.rtp_start, rtp_end=USUAL.rtp_end, lmtp=_usual_or_free(USUAL.lmtp, taken),
                 web=_usual_or_free(USUAL.web, taken), metrics=_usual_or_free(USUAL.metrics, taken), iax=_usual_or_free(USUAL.iax, taken),
                 hfaxd=_usual_or_free(USUAL.hfaxd, taken), sip_ws=_usual_or_free(USUAL.sip_ws, taken),
                 modems=_usual_or_free_row(USUAL.modems, taken))


def free_ports() -> Ports:
    """Ports that nobody uses now, chosen at random so that two instances made at once differ."""
    taken: set[int] = set()
    start = random.SystemRandom().randrange(RTP.start, RTP.stop - FREE_RTP, 2)
    return Ports(sip=_free(taken), agi=_free(taken), ami=_free(taken), rtp_start=start, rtp_end=start + FREE_RTP - 1,
                 lmtp=_free(taken), web=_free(taken), metrics=_free(taken), iax=_free(taken), hfaxd=_free(taken), sip_ws=_free(taken),
                 modems=_free_row(taken))


def missing_ports(known: Mapping[str, int], free: bool) -> dict[str, int]:
    """Ports for an instance of an older Mesa, by name: those that it has none for yet; `free`: never the usual ones."""
    usual = asdict(free_ports() if free else usual_ports())
    return {name: port for name, port in usual.items() if name not in known}


def is_free(port: int) -> bool:
    """Whether nobody on this machine has the port, TCP or UDP."""
    return all(_binds(kind, port) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM))


def _usual_or_free(port: int, taken: set[int]) -> int:
    return port if is_free(port) else _free(taken)


def _free(taken: set[int]) -> int:
    dice = random.SystemRandom()
    port = next(port for port in iter(lambda: dice.choice(FREE), None) if port not in taken and is_free(port))
    taken.add(port)
    return port


def _usual_or_free_row(first: int, taken: set[int]) -> int:
    return first if _row_is_free(first) else _free_row(taken)


def _free_row(taken: set[int]) -> int:
    """The first of MOST_MODEMS neighbours."""
    dice = random.SystemRandom()
    starts = iter(lambda: dice.randrange(FREE.start, FREE.stop - MOST_MODEMS, MOST_MODEMS), None)
    first = next(first for first in starts if taken.isdisjoint(_row(first)) and _row_is_free(first))
    taken.update(_row(first))
    return first


def _row(first: int) -> range:
    return range(first, first + MOST_MODEMS)


def _row_is_free(first: int) -> bool:
    return all(_binds(socket.SOCK_DGRAM, port) for port in _row(first))


def _binds(kind: socket.SocketKind, port: int) -> bool:
    with closing(socket.socket(socket.AF_INET, kind)) as trial:
        if kind == socket.SOCK_STREAM:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)   # a port that was just closed is free
        try:
            trial.bind(('0.0.0.0', port))
        except OSError:
            return False
    return True
