"""What `mesa serve worker` does again and again, each duty on a pool thread and never twice at once."""
from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ami_listener.connection import AmiError
from storage.engine import StorageError
from ticketing.values import TicketingError

log = logging.getLogger('mesa')
KNOWN = (AmiError, StorageError, TicketingError, OSError)   # what may go wrong outside; anything else is a defect, and its trace is told


@dataclass(frozen=True)
class Duty:
    """One round of blocking work and the pause after it. A round may be cut off anywhere: the next one goes on from the database."""

    name: str
    every_s: float
    work: Callable[[], object]


class Rounds:
    """One duty's rounds, one after the other. A failure is told when it begins or changes, and once more when it is over: a link that
    is down for an hour is two lines in the log and not thousands.
    """

    def __init__(self, name: str, work: Callable[[], object]) -> None:
        self._name = name
        self._work = work
        self._failing = ''

    def __call__(self) -> None:
        """One round; it never raises."""
        try:
            self._work()
        except Exception as error:
            said = str(error) or type(error).__name__
            if said != self._failing:
                log.error('%s: %s; it is tried again', self._name, said, exc_info=not isinstance(error, KNOWN))
            self._failing = said
        else:
            if self._failing:
                log.info('%s: it works again', self._name)
            self._failing = ''


def duties(serving: Any) -> tuple[Duty, ...]:
    """The table of duties; `serving` is `callcenter.services.Serving`."""
    from callcenter import day_change, expiring, metering, watching
    from callcenter.call_back_places import Forgotten, call_back_round
    from callcenter.clicking import click_rounds
    from callcenter.close_calling import close_calling_of
    from callcenter.faxing import fax_rounds
    from callcenter.faxing_out import forget_documents, sending_of
    from callcenter.hooking import LANES, courier_of
    from callcenter.ledgering import ledger_rounds
    from callcenter.mailing import held_rounds, mail_rounds
    from callcenter.moving import remind_of_moves
    from callcenter.posting import postman_of
    from ticketing.finding.index import SearchIndex
    bring_in, poll = mail_rounds(serving)
    tell_of_held, expire_held = held_rounds(serving)
    faxes = fax_rounds(serving)
    courier = courier_of(serving)
    return (
        Duty('mail in', 1.0, bring_in),
        Duty('imap', 30.0, poll),
        Duty('held mail', 30.0, tell_of_held),
        Duty('old held mail', 3600.0, expire_held),
        Duty('recompute', 1.0, watching.recompute(serving)),
        Duty('escalate', 2.0, watching.escalate(serving)),
        Duty('problems', 10.0, watching.find_problems(serving)),
        Duty('terms of the day', 10.0, day_change.DayChange(serving.instance, serving.standing).round),
        Duty('VIP cap', 3600.0, watching.watch_vips(serving)),
        Duty('allowance', 30.0, metering.alert(serving)),
        Duty('search index', 1.0, SearchIndex(serving.db).round),
        Duty('call-backs', 1.0, call_back_round(serving.office, serving.dialer)),
        Duty('forgotten call-backs', 60.0, Forgotten(serving.office, serving.dialer.alive).round),
        Duty('faxes', 1.0, faxes.work),
        Duty('clicks to call', 2.0, click_rounds(serving)),
        Duty('post', 1.0, postman_of(serving).round),
        *(Duty(f'webhooks, lane {lane}', 1.0, courier.round) for lane in range(1, LANES + 1)),
        Duty('old events of webhooks', 600.0, courier.tidy),
        Duty('ledger', 2.0, ledger_rounds(serving).round),
        Duty('close calls', 1.0, close_calling_of(serving).round),
        Duty('faxes out', 2.0, sending_of(serving).round),
        Duty('documents of faxes', 3600.0, forget_documents(serving)),
        Duty('late site moves', 600.0, remind_of_moves(serving)),
        Duty('retention', 3600.0, expiring.expire(serving)),
        Duty('fax retention', 3600.0, faxes.expire),
        Duty('sweep of files', 86_400.0, expiring.sweep(serving)),
        Duty('sweep of faxes', 86_400.0, faxes.sweep),
    )
