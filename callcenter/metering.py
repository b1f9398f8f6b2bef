"""Alerts about allowances: a letter when 80, 100 and 105 % of a month's requests are passed, each once (mission.md 7.1)."""
from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func, insert, select

from config.terms import Terms
from config.values import Client, Modality, Site
from contracts.allowance import Meter, allowance_of, closing_terms
from contracts.allowance_tables import allowance_alerts
from contracts.meter import counts, month_uses
from contracts.months import Month
from contracts.overage import MONTHS
from storage.engine import Database
from ticketing.mail.held import listeners
from ticketing.mail.outbox import Notice
from ticketing.notices import release, release_without_folio, send

log = logging.getLogger('mesa.metering')
NOTICE = 'allowance'
LATE = timedelta(days=1)                               # a threshold of the last evening of a month is told in the next one


@dataclass(frozen=True)
class Passed:
    """A threshold that a client's month has passed. `months_above`: consecutive ones above 105 %, this one with them if it is."""

    client: Client
    modality: Modality
    month: Month
    meter: Meter
    threshold: int
    terms: Terms | None
    months_above: int


def alert(serving: Any) -> Callable[[], int]:
    """One look at all allowances; `serving` is `callcenter.services.Serving`."""
    alerts = Alerts(serving.db, lambda: serving.standing().site)
    return lambda: alerts.round(serving.clock.now())


class Alerts:
    """Tells clients' contacts and supervisors. A threshold is stored with its letters, in one transaction. Raises DatabaseUnavailable."""

    def __init__(self, db: Database, site: Callable[[], Site]) -> None:
        self._db = db
        self._site = site

    def round(self, now: datetime) -> int:
        """Tell every threshold that was passed and not told, of a month only the highest; how many letters were written."""
        site = self._site()
        return sum(self._tell(site, passed, now) for client in site.clients.values() for passed in self._news(site, client, now))

    def _news(self, site: Site, client: Client, now: datetime) -> tuple[Passed, ...]:
        months = sorted({Month.of(moment.astimezone(site.zone).date()) for moment in (now - LATE, now)})
        metered = [(month, modality) for month in months for modality in Modality
                   if allowance_of(client.contract, modality, month) is not None]
        if not metered:
            return ()
        with self._db.read() as connection:
            used = counts(connection, site, client.key, months[0], months[-1])
            return tuple(self._passed(connection, site, client, metered, used))

    def _passed(self, connection: Connection, site: Site, client: Client, metered: list[tuple[Month, Modality]],
                used: Any) -> Iterator[Passed]:
        for month, modality in metered:
            meter = Meter(allowance_of(client.contract, modality, month), used.get((month, modality), 0))
            if meter.threshold is not None and meter.threshold > _told(connection, client.key, modality, month):
                uses = month_uses(connection, site, client.key, modality, month.plus(1 - MONTHS), month)
                above = [use.is_above for use in uses]
                before = next((n for n, was in enumerate(reversed(above[:-1])) if not was), MONTHS - 1)
                yield Passed(client, modality, month, meter, meter.threshold, closing_terms(client.contract, modality, month),
                             before + above[-1])

    def _tell(self, site: Site, passed: Passed, now: datetime) -> int:
        with self._db.write() as connection:
            self._db.lock(connection, NOTICE)
            if passed.threshold <= _told(connection, passed.client.key, passed.modality, passed.month):
                return 0
            connection.execute(insert(allowance_alerts).values(
                client=passed.client.key, modality=passed.modality.value, month=str(passed.month), threshold=passed.threshold,
                requests=passed.meter.requests, allowance=passed.meter.allowance, at=now))
            letters = letters_of(site, passed, now)
            send(connection, letters, site, _due(site, passed, now), now)
        log.info('%s, %s, %s: %d %% of the allowance (%s); %d letters', passed.client.key, passed.modality, passed.month, passed.threshold,
                 passed.meter.told, len(letters))
        return len(letters)


def letters_of(site: Site, passed: Passed, now: datetime) -> tuple[Notice, ...]:
    """The letters to the client's contact and to the supervisors, each address once. Pure."""
    client, meter, terms = passed.client, passed.meter, passed.terms
    people = {client.contact.email: 'contact'} if client.contact and client.contact.email else {}
    for agent in listeners(site, client.key):
        people.setdefault(agent.email, agent.login[:64])
    rule = terms.overage if terms else None
    facts = {
        'client_name': client.name, 'modality': passed.modality.value, 'month_title': passed.month.title, 'allowance': meter.allowance,
        'requests': meter.requests, 'left': meter.left, 'above': meter.above, 'threshold': passed.threshold, 'as_of': now.isoformat(),
        'percent': None if meter.percent is None else str(meter.percent), 'price': _price(terms), 'months_above': passed.months_above,
        'above_percent': rule.above_percent if rule else None, 'whole_run': rule.whole_run if rule else None, 'zone': site.zone.key}
    key = f'{NOTICE}:{client.key}:{passed.modality}:{passed.month}:{passed.threshold}'
    return tuple(Notice(key=f'{key}:{who}', name=NOTICE, recipient=address, client=client.key, folio_id=None, facts=facts,
                        held=not _outside(passed)) for address, who in people.items())


def _price(terms: Terms | None) -> str | None:
    """What a request above costs, with two to four places; None when it costs nothing."""
    price = terms.overage_price if terms else Decimal(0)
    if not price:
        return None
    return f'{price:,.2f}' if price == round(price, 2) else f'{price.normalize():,f}'


def _outside(passed: Passed) -> bool:
    return passed.client.policy_of(passed.modality).notify_outside_hours


def _due(site: Site, passed: Passed, now: datetime) -> datetime:
    """When the letters may leave: in the hours of the modality's line, like other notices (mission.md 4.6)."""
    if _outside(passed):
        return now
    line = next((line.number for line in site.lines.values()
                 if line.client == passed.client.key and line.modality is passed.modality), None)
    return release(site, line, None, False, now) if line else release_without_folio(site, passed.client.key, now)


def _told(connection: Connection, client: str, modality: Modality, month: Month) -> int:
    """The highest threshold that was told; 0: none."""
    told = allowance_alerts.c
    return connection.scalar(select(func.max(told.threshold)).where(
        told.client == client, told.modality == modality.value, told.month == str(month))) or 0
