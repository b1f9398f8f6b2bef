"""`agi://.../bench,<line>,<linkedid>`: the whole way of a call without its words, for `mesa bench calls` (demo sites only)."""
from __future__ import annotations

from agi.inbound import hand_over, redecide, who_calls
from agi.office import Office
from agi.perform import report
from agi.session import CallSession
from ivr_flows.steps import ToQueue
from ticketing.opening_facts import receipt_of


def bench(call: CallSession, office: Office) -> None:
    """Identify, decide, commit a folio, hand over: what every real call costs besides talking."""
    standing = office.standing()
    caller = who_calls(call, standing)
    decision = redecide(office, standing, caller, caller.user, caller.by)
    now = office.now()
    facts = report(standing.site, decision, call.start.args[1], now, category=None, from_message=False)
    folio = office.folios.open(facts, now, receipt_of(facts, standing.site, now))
    hand_over(call, ToQueue(decision.queue or '', decision.priority), folio.number)
