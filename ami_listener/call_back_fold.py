"""A call-back, told from the journal's rows of its linkedid: who was dialled for whom, and how it ended. Pure.

Its channels are the two ends of the place (Local), the agent's and the caller's. As a call it begins when an agent has taken the place and
counts as the caller's leg alone; a place that no agent took is no call.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from ami_listener.call_record import CALL_BACK, CallRecord, login
from ami_listener.legs import BUSY_CAUSE, SECOND, TAKEN, Leg, dialled_in, moment, taken_at
from ami_listener.rows import CelRow, OwnRow, QueueRow


def call_back_of(cel: Sequence[CelRow], queue: Sequence[QueueRow], own: Sequence[OwnRow],
                 login_of: Callable[[str], str]) -> CallRecord | None:
    """The call that these rows (in order of time) tell; None while its place only waits."""
    said = [(str(row.extra.get('extra', '')), row) for row in cel if row.user_event == 'MESA_CALL_BACK']
    begun = next((row for word, row in said if word == 'agent'), None)
    if begun is None:
        return None
    words = {word for word, _ in said}
    dial = next((row for row in cel if row.event == 'APP_START' and row.app == 'Dial'), None)
    user = _user(cel, dial)
    ended = _ended(cel, user, own)
    talk = _talk(user) if 'accepted' in words else None
    agent = next((row.agent for row in queue if row.event == 'CONNECT'), '') or _first_phone(cel)
    number = dialled_in(dial.appdata) if dial else None
    waits = [row for row in cel if row.event == 'APP_START' and row.app == 'Queue']
    first = user[0] if user else begun
    return CallRecord(
        linkedid=cel[0].linkedid, direction='out', started=moment(first.at_us), answered=_moment(_at(user, 'ANSWER')),
        ended=None if ended is None else moment(ended), line=_said(cel, 'MESA_LINE')[:32] or None, dialled=number,
        ani=None, path=None, why=None, destination=CALL_BACK, queue=(waits[-1].appdata.partition(',')[0][:80] or None) if waits else None,
        priority=None, promoted=None, joined=None, left_queue=None, wait_s=None, agent=login(agent, login_of),
        agent_answered=None if talk is None else moment(talk[0]), talk_s=_length(talk, ended), message=None, recorded=False,
        folio=_said(cel, 'MESA_FOLIO')[:20] or None, disposition=None if ended is None else _disposition(words, user, talk, own),
        legs=_legs(user, ended, number))


def _first_phone(cel: Sequence[CelRow]) -> str:
    """The agent's channel, when queue_log does not name him: he hung up before he was connected."""
    return next((row.channel for row in cel if row.event == 'ANSWER' and row.channel.startswith('PJSIP/')), '')


def _user(cel: Sequence[CelRow], dial: CelRow | None) -> list[CelRow]:
    """The rows of the channel that was dialled."""
    start = next((row for row in cel if dial and row.event == 'CHAN_START' and row.at_us >= dial.at_us), None)
    return [row for row in cel if start and row.uniqueid == start.uniqueid]


def _ended(cel: Sequence[CelRow], user: Sequence[CelRow], own: Sequence[OwnRow]) -> int | None:
    """When the caller's leg was over, and the agent's side knows it; LINKEDID_END alone is sure that nothing follows."""
    if not any(row.event == 'LINKEDID_END' for row in cel):
        return cel[-1].at_us if any(row.event == 'LOST' for row in own) else None
    return _at(user, 'HANGUP') or cel[-1].at_us


def _disposition(words: set[str], user: Sequence[CelRow], talk: tuple[int, int | None] | None, own: Sequence[OwnRow]) -> str:
    """answered | no_key (a machine) | busy | no_answer | agent_left (before the caller answered) | failed (nobody was dialled,
    or Asterisk died)."""
    if talk is not None:
        return 'answered'
    if 'dials' not in words or any(row.event == 'LOST' for row in own):
        return 'failed'
    if 'no-key' in words or ('missed' in words and _at(user, 'ANSWER')):
        return 'no_key'
    if 'missed' not in words:
        return 'agent_left'
    gone = next((row for row in user if row.event == 'HANGUP'), None)
    return 'busy' if gone and gone.extra.get('hangupcause') == BUSY_CAUSE else 'no_answer'


def _talk(user: Sequence[CelRow]) -> tuple[int, int | None] | None:
    began = _at(user, 'BRIDGE_ENTER')
    return None if began is None else (began, _at(user, 'BRIDGE_EXIT'))


def _length(talk: tuple[int, int | None] | None, ended: int | None) -> float | None:
    stopped = None if talk is None else talk[1] or ended
    return None if talk is None or stopped is None else max(0, stopped - talk[0]) / SECOND


def _legs(user: Sequence[CelRow], ended: int | None, number: str | None) -> tuple[Leg, ...]:
    """What the carrier charges for: from the first ring, and from the answer, to the end of the conversation, as Asterisk's CDR ends it."""
    if not user:
        return ()
    start, answer = user[0], _at(user, 'ANSWER')
    taken = next((taken_at(row) for row in user if row.user_event == TAKEN), None)
    end = None if ended is None else _at(user, 'BRIDGE_EXIT') or ended
    return (Leg(
        start.uniqueid, start.channel, '', 'Dial', moment(start.at_us), _moment(answer), _moment(end),
        (end - start.at_us) // SECOND if end is not None else None,
        ((end - answer) // SECOND if answer is not None else 0) if end is not None else None,
        ('ANSWERED' if answer else 'NO ANSWER') if end is not None else None, number, _moment(taken)),)


def _at(rows: Sequence[CelRow], event: str) -> int | None:
    return next((row.at_us for row in rows if row.event == event), None)


def _said(cel: Sequence[CelRow], event: str) -> str:
    return next((str(row.extra.get('extra', '')) for row in cel if row.user_event == event), '')


def _moment(at_us: int | None) -> datetime | None:
    return None if at_us is None else moment(at_us)
