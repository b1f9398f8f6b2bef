"""What is late with sites that move, told to the supervisors, wired."""
from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

log = logging.getLogger('mesa.moves')


def remind_of_moves(serving: Any) -> Callable[[], int]:
    """One look for notices without an answer and days without a delivery; `serving` is `callcenter.services.Serving`."""
    from contracts.moves import SiteMoves
    moves = SiteMoves(serving.db)

    def round_() -> int:
        told = moves.remind(serving.standing().site, serving.clock.now())
        if told:
            log.info('supervisors told of %d late site moves', told)
        return told
    return round_
