"""The duties that let files go: those of the contract's days, and a look through the folders for what a power cut left behind."""
from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from config.place import Place
from ticketing.finding.index import SearchIndex
from ticketing.privacy.expiry import PersonalExpiry
from ticketing.privacy.kept_files import Folders
from ticketing.privacy.retention import Retention

log = logging.getLogger('mesa.retention')
SHOWN = 20


def folders_of(place: Place) -> Folders:
    """Where an instance keeps the files of its folios."""
    return Folders(place.messages, place.recordings, place.attachments)


def retention_of(serving: Any) -> Retention:
    """The retention of what is served."""
    return Retention(serving.db, lambda: serving.standing().site, folders_of(serving.instance.place))


def expire(serving: Any) -> Callable[[], int]:
    """One round of files, and of users, whose days are over; says how many went."""
    retention = retention_of(serving)
    personal = PersonalExpiry(serving.db, lambda: serving.standing().site, folders_of(serving.instance.place))

    def round_() -> int:
        gone = retention.round(serving.clock.now())
        if gone:
            log.info('%d files expired by contract', gone)
        forgotten = personal.round(serving.clock.now(), datetime.now(UTC))
        if forgotten:
            log.info('the users of %d folios are forgotten by contract', forgotten)
        return gone + forgotten
    return round_


def sweep(serving: Any) -> Callable[[], None]:
    """One look through the folders; what nobody knows is told and left. Words that were erased leave the index's file, too."""
    retention = retention_of(serving)

    def round_() -> None:
        found = retention.sweep()
        if found.deleted:
            log.warning('%d files were deleted that should have been gone: %s', len(found.deleted), ', '.join(found.deleted[:SHOWN]))
        if found.orphans:
            log.warning('%d files belong to no folio, see `mesa recording orphans`: %s',
                        len(found.orphans), ', '.join(found.orphans[:SHOWN]))
        SearchIndex(serving.db).forget_replaced()
    return round_
