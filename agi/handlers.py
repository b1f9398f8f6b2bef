"""The table of AGI requests: the last part of `agi://host:port/NAME` -> the function that serves it."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from agi.bench import bench
from agi.call_back import call_back, call_back_dial
from agi.close_call import close_call
from agi.inbound import inbound
from agi.office import Office
from agi.session import CallSession


def handlers(office: Office) -> Mapping[str, Callable[[CallSession], None]]:
    """What `agi/server.py` may run; anything else is refused. `bench` exists on demo sites only."""
    table = {
        'inbound': partial(inbound, office=office),
        'call_back': partial(call_back, office=office),
        'call_back_dial': partial(call_back_dial, office=office),
        'close_call': partial(close_call, office=office),
    }
    if office.standing().site.demo:
        table['bench'] = partial(bench, office=office)
    return table
