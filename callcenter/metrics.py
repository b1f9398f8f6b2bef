"""Figures for Prometheus: what the fax server has received, holds, sent and put aside, and what its modems do (mission.md chapter 5).

Told when they are asked for, from the books and the spool, on a pool thread: the reactor waits for neither. No telephone number is in them.
"""
from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from twisted.internet.threads import deferToThread
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from ami_listener.tables import calls
from callcenter.commands.fax_modems import states_of
from callcenter.instance import Instance
from desk.web.listening import Listening
from fax.books import FaxBook
from fax.modems import DOWN, IDLE, RECEIVING, SENDING
from fax.values import FaxState
from storage.engine import Database, DatabaseUnavailable

log = logging.getLogger('mesa.metrics')
CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'
LATELY = timedelta(hours=1)
OUTCOMES = {'fax': 'taken', 'fax_busy': 'busy', 'fax_unavailable': 'unavailable'}


class FaxFigures(Collector):
    """The fax server's figures. Those that need the books are left out while the database does not answer, and `mesa_books_up` is 0."""

    def __init__(self, instance: Instance, db: Database) -> None:
        self._instance = instance
        self._db = db

    def collect(self) -> Iterator[Any]:
        """All of them, as they are now."""
        yield from self._modems()
        yield from self._spool()
        try:
            books = [*self._faxes(), *self._calls()]
        except DatabaseUnavailable as error:
            log.warning('the books do not answer: %s', error)
            books = []
        yield GaugeMetricFamily('mesa_books_up', 'Whether the database answered.', value=1 if books else 0)
        yield from books

    def _faxes(self) -> Iterator[Any]:
        counts = FaxBook(self._db).counts()
        states = GaugeMetricFamily('mesa_faxes', 'Received faxes by the state in which they are.', labels=['state'])
        for state, many in counts.items():
            states.add_metric([str(state)], many)
        yield states
        yield CounterMetricFamily('mesa_faxes_received', 'Faxes that were ever received.', value=sum(counts.values()))
        yield GaugeMetricFamily('mesa_faxes_to_decide', 'Faxes that wait for a person.',
                                value=counts[FaxState.QUARANTINED] + counts[FaxState.UNDELIVERED])

    def _calls(self) -> Iterator[Any]:
        """By the machine's hour: what a modem took, and what found none."""
        with self._db.read() as connection:
            latest = connection.scalar(select(func.max(calls.c.started)))
            since = (latest or datetime.now().astimezone()) - LATELY
            rows = connection.execute(select(calls.c.disposition, func.count()).where(
                calls.c.started > since, calls.c.disposition.in_(OUTCOMES)).group_by(calls.c.disposition)).all()
        found = {str(disposition): int(many) for disposition, many in rows}
        told = GaugeMetricFamily(
            'mesa_fax_calls_last_hour', 'Calls to fax lines in the hour before the last call, by what became of them.', labels=['outcome'])
        for disposition, outcome in OUTCOMES.items():
            told.add_metric([outcome], found.get(disposition, 0))
        yield told

    def _modems(self) -> Iterator[Any]:
        told = GaugeMetricFamily('mesa_fax_modem', '1 for the state in which a modem is.', labels=['modem', 'state'])
        for modem in states_of(self._instance):
            for state in (IDLE, RECEIVING, SENDING, DOWN):
                told.add_metric([modem.name, state], int(modem.state == state))
        yield told

    def _spool(self) -> Iterator[Any]:
        waiting = sum(_files(self._instance.place.fax_spool / folder, '.tif') for folder in ('inbox', 'recvq'))
        yield GaugeMetricFamily('mesa_fax_spool_files', 'Faxes in the spool: in reception, or not in the books yet.', value=waiting)


class Metrics(Resource):
    """GET /metrics."""

    isLeaf = True

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__()
        self._registry = registry

    def render_GET(self, request: Any) -> int:
        """The figures, from a pool thread."""
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)

        def answer(body: bytes) -> None:
            if not gone:
                request.setHeader('Content-Type', CONTENT_TYPE)
                request.write(body)
                request.finish()

        def failed(failure: Any) -> None:
            log.error('the figures cannot be told: %s', failure.getTraceback())
            if not gone:
                request.setResponseCode(500)
                request.finish()
        deferToThread(generate_latest, self._registry).addCallback(answer).addErrback(failed)
        return NOT_DONE_YET


class MetricsService(Listening):
    """Figures on one address."""

    def __init__(self, reactor: Any, registry: CollectorRegistry, host: str, port: int) -> None:
        root = Resource()
        root.putChild(b'metrics', Metrics(registry))
        site = Site(root, reactor=reactor, timeout=20)
        site.log = lambda request: None
        super().__init__(reactor, site, host, port, 'the figures')


def registry_of(serving: Any) -> CollectorRegistry:
    """The figures of `callcenter.services.Serving`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(FaxFigures(serving.instance, serving.db))
    return registry


def _files(folder: os.PathLike[str], suffix: str) -> int:
    try:
        with os.scandir(folder) as entries:
            return sum(entry.name.endswith(suffix) for entry in entries)
    except FileNotFoundError:
        return 0
