"""`agi://.../inbound,<line>,<linkedid>`: one caller, from the first ring to the queue."""
from __future__ import annotations

from functools import partial

from agi.errors import CallerGone
from agi.office import Office, Standing
from agi.perform import Performer
from agi.session import CallSession
from config.values import User
from ivr_flows.conversation import conversation
from ivr_flows.decide import Decision, decide
from ivr_flows.steps import Caller, Ending, ToFax, ToQueue

HAND_OVER_S = 5.0


class UnknownLine(Exception):
    """The dialplan asked for a line that the site in force does not have: it has not been reloaded since an apply."""


def inbound(call: CallSession, office: Office) -> None:
    """Serve one caller and leave the way to go in the channel variables (mission.md 3.1-3.5).

    A hang-up is a normal end. Any failure leaves `MESA_RESULT` unset, so the dialplan takes its fallback (mission.md 3.7).
    """
    standing = office.standing()
    caller = who_calls(call, standing)
    again = partial(redecide, office, standing, caller)
    decision = again(caller.user, caller.by)
    performer = Performer(call, office, decision, call.start.args[1], again)
    find_user = partial(standing.directory.by_employee_number, decision.client.key)
    try:
        ending = performer.perform(conversation(standing.site, decision, find_user, again))
        hand_over(call, ending, performer.number)
    except CallerGone:
        performer.caller_gone()
    finally:
        performer.leave_note()


def who_calls(call: CallSession, standing: Standing) -> Caller:
    """What the call itself tells. Raises UnknownLine."""
    line = standing.site.lines.get(call.start.args[0])
    if line is None:
        raise UnknownLine(f'no line {call.start.args[0]!r} in the site in force: run `mesa config apply`')
    return standing.caller(line, call.start.caller_number)


def redecide(office: Office, standing: Standing, caller: Caller, user: User | None, by: str) -> Decision:
    """Decide for the caller as known by now."""
    now = office.now()
    return decide(standing.site, Caller(caller.line, caller.ani, user, by), office.overrides(now), now)


def hand_over(call: CallSession, ending: Ending, folio: str | None) -> None:
    """Mesa's last act: the dialplan trusts only what `mesa-done` sets, and goes on at once."""
    match ending:
        case ToQueue(queue, priority, record):
            way = ('queue', queue, str(priority), folio or '', 'yes' if record else '')
        case ToFax():
            way = ('fax', '', '0', '', '')
        case _:
            way = ('hangup', '', '0', folio or '', '')
    call.run('mesa-done', 's', '1', *way, deadline_s=HAND_OVER_S)
    call.end()
