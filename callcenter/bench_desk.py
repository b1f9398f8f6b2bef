"""The desk that `mesa bench pops` measures: the real server in a process of its own, listening to a scripted Asterisk.

`python -m callcenter.bench_desk FOLDER`; FOLDER/bench.json says which ports, how many agents, and where the books are.
"""
from __future__ import annotations

import asyncio
import json
import logging
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from config.load import load
from config.place import Place, Ports, Secrets
from config.values import Agent, Site

EXAMPLE = Path(__file__).resolve().parent.parent / 'config' / 'example'
QUEUE = 'nopalera-standard'
LINE = '+528005550101'


def bench_site(agents: int) -> Site:
    """The example site with so many agents, `agent0001` at extension 20001 and so on."""
    many = {f'agent{number:04}': Agent(f'agent{number:04}', f'Agente {number}', f'{20000 + number}', (QUEUE,))
            for number in range(1, agents + 1)}
    return replace(load(EXAMPLE), agents=many)


def main(folder: Path) -> None:
    """Serve until the parent closes our standard input."""
    told = json.loads((folder / 'bench.json').read_text())
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    from twisted.internet import asyncioreactor
    asyncioreactor.install(loop)
    from twisted.internet import reactor
    from twisted.internet.stdio import StandardIO
    services = _services(folder, told, reactor)
    for service in services:
        service.startService()
    for service in reversed(services):
        reactor.addSystemEventTrigger('before', 'shutdown', service.stopService)  # type: ignore[attr-defined]
    StandardIO(_until_closed(reactor))
    print('ready', flush=True)
    reactor.run()                                      # type: ignore[attr-defined]


def _services(folder: Path, told: dict[str, Any], reactor: Any) -> list[Any]:
    from callcenter.desk_service import desk_services
    from storage.engine import Database
    from ticketing.folios import FolioBook
    from ticketing.lifecycle import LifeCycle
    site = bench_site(told['agents'])
    db = Database(f'sqlite:///{folder}/mesa.db')
    ports = Ports(sip=9, agi=9, ami=told['ami'], rtp_start=9, rtp_end=9, desk=told['desk'], sip_ws=9)
    secrets = Secrets('', '', {}, ami_desk='bench')
    instance = SimpleNamespace(place=Place(root=folder, prefix=Path('/'), ports=ports), secrets=lambda site: secrets, root=folder)
    return desk_services(SimpleNamespace(
        instance=instance, reactor=reactor, clock=SimpleNamespace(now=lambda: datetime.now(UTC)), db=db, folios=FolioBook(db),
        lifecycle=LifeCycle(db, lambda: site), standing=lambda: SimpleNamespace(site=site), login_of=str,
        overrides=lambda moment: ()))


def _until_closed(reactor: Any) -> Any:
    from twisted.internet.protocol import Protocol

    class UntilClosed(Protocol):
        """The parent is gone: stop."""

        def connectionLost(self, reason: Any = None) -> None:
            reactor.stop()
    return UntilClosed()


if __name__ == '__main__':
    main(Path(sys.argv[1]))
