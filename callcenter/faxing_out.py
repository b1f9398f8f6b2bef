"""The duty `faxes out`, wired: the books, HylaFAX's address and password, the folder of documents (mission.md 5.5)."""
from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from callcenter.instance import Instance
from config.place import Place
from config.values import Site
from fax.outgoing.hylafax import Hylafax
from fax.outgoing.job_book import JobBook
from fax.outgoing.orders import forget
from fax.outgoing.sending import Sending


def documents_of(place: Place) -> Path:
    """Where an instance keeps the documents that it faxes, and the sheets they make, under their SHA-256."""
    return place.fax / 'out'


def hylafax_of(instance: Instance, site: Site) -> Hylafax:
    """The HylaFAX of an instance."""
    return Hylafax(instance.place.ports.hfaxd, instance.secrets(site).hfaxd, instance.place.fax / 'client')


def sending_of(serving: Any) -> Sending:
    """The worker; `serving` is `callcenter.services.Serving`."""
    instance = serving.instance
    return Sending(
        JobBook(serving.db), hylafax=lambda: hylafax_of(instance, serving.standing().site), site=lambda: serving.standing().site,
        folder=documents_of(instance.place), log_file=instance.place.fax_spool / 'log' / 'xferfaxlog', now=serving.clock.now,
        machine=lambda: datetime.now(UTC))


def forget_documents(serving: Any) -> Callable[[], int]:
    """One round of documents whose days are over."""
    return lambda: forget(JobBook(serving.db), serving.standing().site, documents_of(serving.instance.place), serving.clock.now())
