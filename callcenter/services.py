"""Wires Mesa's services together and runs them on one reactor until a signal.

`asyncioreactor` because panoramisk lives on asyncio; it must be installed before anything imports `reactor`, so this module
imports nothing of Twisted's at its top that would.
"""
from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from callcenter.files import write_whole
from callcenter.instance import Instance

log = logging.getLogger('mesa')
MAX_CALLS = 120
STANDING_EVERY_S = 0.3
HOURS_EVERY_S = 3600.0
THREADS = 28                                           # of the reactor's pool: every duty may be at work at once, and pages besides


def run(instance: Instance, what: str) -> None:
    """Serve `agi`, `events`, `worker`, `desk` or `all` in the foreground; returns when a signal stopped the services."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format='%(asctime)s %(levelname)s %(name)s: %(message)s')
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    from twisted.internet import asyncioreactor
    asyncioreactor.install(loop)
    from twisted.internet import reactor
    Serving(instance, what, reactor).start()
    reactor.run()                                      # type: ignore[attr-defined]


class Serving:
    """One process's services and the timers that keep them current."""

    def __init__(self, instance: Instance, what: str, reactor: Any) -> None:
        from agi.office import Office
        from ami_listener.dialer import Dialer
        from callcenter.standing import OverridesInForce, SiteInForce, override_stamp
        from storage.engine import Database
        from ticketing.call_backs import CallBacks
        from ticketing.closing.close_calls import CloseCalls
        from ticketing.folios import FolioBook
        from ticketing.lifecycle import LifeCycle
        from ticketing.limits import StatusGuard
        from ticketing.overrides import Overrides
        from ticketing.sessions import CallNotes
        self.instance = instance
        self.what = what
        self.reactor = reactor
        self.standing = SiteInForce(instance.place)
        site = self.standing().site
        self.clock = instance.clock(site)
        self.db = Database(instance.database_url, patience_s=1.0)
        self.folios = FolioBook(self.db, self.hooks_of)
        self.dialer = Dialer(reactor, ('127.0.0.1', instance.place.ports.ami), ('dialer', instance.secrets(site).ami_dialer))
        self.overrides = overrides = OverridesInForce(Overrides(self.db), override_stamp(instance.root))
        self.lifecycle = LifeCycle(self.db, lambda: self.standing().site)
        self.close_calls = CloseCalls(self.db, self.lifecycle, lambda: self.standing().site, overrides)
        self.office = Office(
            standing=self.standing, overrides=overrides, folios=self.folios, guard=StatusGuard(self.db), notes=CallNotes(self.db),
            call_backs=CallBacks(self.db), close_calls=self.close_calls, messages=instance.root / 'messages', now=self.clock.now)

    def start(self) -> None:
        """Start the chosen services and say, in run/serving.json, by which apply they serve."""
        self.reactor.suggestThreadPoolSize(THREADS)
        services = []
        if self.what in ('all', 'agi'):
            services.append(self.agi_service())
        if self.what in ('all', 'events'):
            services.append(self.listener_service())
            self.every(HOURS_EVERY_S, self.renew_hours, 'table of hours')
        if self.what in ('all', 'worker'):
            services += [self.dialer, self.mail_door_service()]
            self.start_duties()
        if self.what in ('all', 'worker', 'desk'):
            services.append(self.web_service())
        if self.what in ('all', 'desk'):
            from callcenter.desk_service import desk_services
            services += desk_services(self)
        if self.what in ('all', 'worker'):
            services.append(self.metrics_service())
        for service in services:
            service.startService()
        for service in reversed(services):
            self.reactor.addSystemEventTrigger('before', 'shutdown', service.stopService)
        self.say_serving()
        self.every(STANDING_EVERY_S, self.follow_applies, 'site in force')

    def agi_service(self) -> Any:
        from agi.handlers import handlers
        from agi.server import AgiService
        place = self.instance.place
        return AgiService(self.reactor, handlers(self.office), place.agi_host, place.ports.agi, frozenset({place.agi_host}),
                          max_calls=int(os.environ.get('MESA_MAX_CALLS', MAX_CALLS)))

    def listener_service(self) -> Any:
        from ami_listener.call_news import CallNews
        from ami_listener.service import ListenerService
        from callcenter.afterwards import Afterwards
        place = self.instance.place
        secrets = self.instance.secrets(self.standing().site)
        return ListenerService(
            self.reactor, self.db, place.asterisk_log, ('127.0.0.1', place.ports.ami), ('mesa', secrets.ami_mesa), self.clock.now,
            folios=Afterwards(self.office, place.recordings, lambda moment: self.clock.set_to() or moment),
            login_of=self.login_of, tell=CallNews(lambda: self.standing().site))

    def mail_door_service(self) -> Any:
        """E-mail in, by LMTP on loopback: the site's own mail server stands in front of it."""
        from callcenter.mailing import mail_door_of
        return mail_door_of(self)

    def web_service(self) -> Any:
        """The confirmation page, on loopback alone: a reverse proxy stands in front of it."""
        from desk.confirming.answers import Confirmations
        from desk.confirming.server import WebService
        site = self.standing().site
        confirmations = Confirmations(self.db, self.lifecycle, lambda: self.standing().site,
                                      self.instance.secrets(site).mail_key, self.clock.now)
        return WebService(self.reactor, confirmations, '127.0.0.1', self.instance.place.ports.web)

    def metrics_service(self) -> Any:
        """Figures for Prometheus, on loopback alone."""
        from callcenter.metrics import MetricsService, registry_of
        return MetricsService(self.reactor, registry_of(self), '127.0.0.1', self.instance.place.ports.metrics)

    def hooks_of(self, client: str) -> Any:
        """The webhooks of a client, by the site in force."""
        from config.webhooks import hooks_of
        return hooks_of(self.standing().site.clients.get(client))

    def start_duties(self) -> None:
        """Begin the rounds of the table of duties."""
        from callcenter.duties import duties
        for duty in duties(self):
            self.every(duty.every_s, duty.work, duty.name)

    def login_of(self, extension: str) -> str:
        """The agent who has this extension; the extension itself when nobody has."""
        agents = self.standing().site.agents.values()
        return next((agent.login for agent in agents if extension in (agent.extension, agent.browser_extension)), extension)

    def every(self, seconds: float, work: Callable[[], object], name: str) -> None:
        """Run blocking work on a pool thread again and again; a failure is logged and tried again next time."""
        from twisted.internet.task import LoopingCall
        from twisted.internet.threads import deferToThread

        from callcenter.duties import Rounds
        LoopingCall(deferToThread, Rounds(name, work)).start(seconds, now=True)

    def follow_applies(self) -> None:
        """Serve by a new apply as soon as the link leads to it."""
        if self.standing.refresh():
            log.info('serving by apply %s', self.standing.generation)
            self.say_serving()

    def renew_hours(self) -> None:
        """Give the dialplan a fresh table of open intervals."""
        from callcenter.hours_table import renew
        renew(self.instance)

    def say_serving(self) -> None:
        """Write which apply is served; `mesa config apply` waits for it."""
        state = {'pid': os.getpid(), 'generation': int(self.standing.generation)}
        write_whole(serving_file(self.instance.root), json.dumps(state))


def serving_file(root: Path) -> Path:
    return root / 'run' / 'serving.json'


