"""Takes in how the calls ended that agents placed with one click, wired."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any


def click_rounds(serving: Any) -> Callable[[], None]:
    """The round; `serving` is `callcenter.services.Serving`."""
    from ami_listener.call_log import CallLog
    from ami_listener.clicks import ClickRounds
    from ticketing.click_to_call import ClicksToCall
    calls = CallLog(serving.db, serving.login_of)
    clicks = ClicksToCall(serving.db, lambda: serving.standing().site)
    return ClickRounds(clicks, calls.get, serving.dialer.alive, serving.clock.now).round
