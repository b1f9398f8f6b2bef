"""One call, told from the journal's rows of its linkedid. Pure: the same rows in any order give the same call."""
from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime

from ami_listener.call_back_fold import call_back_of
from ami_listener.call_record import CALL_BACK, CallRecord, login
from ami_listener.legs import BUSY_CAUSE, GOES_ON_US, legs_of, moment
from ami_listener.rows import CALL_BACK_ID, CelRow, OwnRow, QueueRow, Row

TRUNK_CONTEXT = 'from-trunk'
PLACED = 'mesa-'                                       # the linkedids that we choose; such calls begin in their trunk's context, too
TRUNK_CHANNEL = 'PJSIP/trunk-'
CONNECTED = 'CONNECT'
ABANDONED = 'ABANDON'
LEFT_QUEUE = frozenset({ABANDONED, 'EXITWITHTIMEOUT', 'EXITEMPTY', 'EXITWITHKEY'})

# A transfer ends one application and begins the next in the same microsecond.
LAST_EVENTS = {'BRIDGE_EXIT': 1, 'APP_END': 2, 'APP_START': 3, 'HANGUP': 4, 'CHAN_END': 5, 'LINKEDID_END': 6}

_WORD = re.compile(r'[a-z0-9-]{1,14}')


def fold(rows: Sequence[Row], login_of: Callable[[str], str] = str) -> CallRecord | None:
    """The call that these rows of one linkedid tell; None when no channel event is among them yet.

    `login_of` names the agent of a telephone's extension; it is asked only when queue_log does not name him.
    """
    ordered = sorted(rows, key=_order)
    cel = [row for row in ordered if isinstance(row, CelRow)]
    if not cel:
        return None
    queue, own = [row for row in ordered if isinstance(row, QueueRow)], [row for row in ordered if isinstance(row, OwnRow)]
    if cel[0].linkedid.startswith(CALL_BACK_ID):
        return call_back_of(cel, queue, own, login_of)
    return _Call(cel, queue, own, login_of).record()


FAX = 'fax'
NO_MODEM = {'busy': 'fax_busy', 'unavailable': 'fax_unavailable'}


class _Call:
    """The rows of one call, sorted by kind, and the questions that are asked of them."""

    def __init__(self, cel: Sequence[CelRow], queue: Sequence[QueueRow], own: Sequence[OwnRow], login_of: Callable[[str], str]) -> None:
        self.cel = cel
        self.first = next((row for row in cel if row.event == 'CHAN_START'), cel[0])
        self.caller = [row for row in cel if row.uniqueid == self.first.uniqueid]
        self.queue = queue
        self.own = own
        self.login_of = login_of
        self.said = {row.user_event: str(row.extra.get('extra', '')) for row in self.caller if row.event == 'USER_DEFINED'}

    def record(self) -> CallRecord:
        """The call as these rows tell it."""
        ended = self._ended()
        done = (self.said.get('MESA_DONE', '') + '||||').split('|')
        kind, _, why = self.said.get('MESA_FALLBACK', '').partition('|')
        waits = [row for row in self.caller if row.event == 'APP_START' and row.app == 'Queue']
        joined = waits[0].at_us if waits else None
        talks = [] if FAX in (kind, done[0]) else self._conversations(joined)       # a modem is nobody to talk with
        left = (talks[0][0] if talks else self._left_queue()) if waits else None
        incoming = 'MESA_LINE' in self.said or (self.first.context == TRUNK_CONTEXT and not self.first.linkedid.startswith(PLACED))
        return CallRecord(
            linkedid=self.first.linkedid, direction='in' if incoming else 'out', started=moment(self.first.at_us),
            answered=_moment(self._at(self.caller, 'ANSWER')), ended=_moment(ended), line=self.said.get('MESA_LINE', '')[:32] or None,
            dialled=self.first.exten[:80] or None, ani=self.first.number[:40] or None, path=self._path(kind), why=why[:200] or None,
            destination=done[0][:16] or None, queue=(waits[-1].appdata.partition(',')[0][:80] or None) if waits else None,
            priority=int(done[2]) if re.fullmatch('[0-9]{1,4}', done[2]) else None,
            promoted=self.said.get('MESA_PROMOTED', '')[:80] or None, joined=_moment(joined), left_queue=_moment(left),
            wait_s=None if joined is None or left is None else _seconds(left - joined), agent=self._agent(incoming, bool(talks)),
            agent_answered=_moment(talks[0][0]) if talks else None, talk_s=self._talk_s(talks, ended),
            message=self.said.get('MESA_MESSAGE') or None, recorded=done[4] == 'yes', folio=self._folio(done[3]),
            disposition=None if ended is None else self._disposition(incoming, bool(talks), joined is not None, kind, done[0]),
            legs=legs_of(self.cel))

    def _at(self, rows: Sequence[CelRow], event: str) -> int | None:
        return next((row.at_us for row in rows if row.event == event), None)

    def _ended(self) -> int | None:
        """When the caller was gone. LINKEDID_END alone does when the journal began in the middle of the call."""
        gone = self._at(self.caller, 'HANGUP') or self._at(self.caller, 'CHAN_END') or self._at(self.cel, 'LINKEDID_END')
        return self.cel[-1].at_us if gone is None and self._lost() else gone

    def _lost(self) -> bool:
        """Whether Asterisk died under the call."""
        return any(row.event == 'LOST' for row in self.own) and self._at(self.caller, 'HANGUP') is None

    def _path(self, kind: str) -> str | None:
        if 'MESA_FALLBACK' in self.said:
            return f'fallback-{kind}' if _WORD.fullmatch(kind) else 'fallback'
        return 'mesa' if 'MESA_DONE' in self.said else None

    def _folio(self, decided: str) -> str | None:
        attached = next((row.data for row in self.own if row.event == 'FOLIO'), None)
        return decided[:20] or self.said.get('MESA_FOLIO', '')[:20] or attached

    def _conversations(self, since: int | None) -> list[tuple[int, int | None]]:
        """When the caller was joined with somebody, and until when; for a queued call only from the queue on."""
        talks: list[tuple[int, int | None]] = []
        for row in self.caller:
            if row.event == 'BRIDGE_ENTER' and (since is None or row.at_us >= since):
                talks.append((row.at_us, None))
            elif row.event == 'BRIDGE_EXIT' and talks and talks[-1][1] is None:
                talks[-1] = (talks[-1][0], row.at_us)
        return talks

    def _talk_s(self, talks: Sequence[tuple[int, int | None]], ended: int | None) -> float | None:
        spans = [(began, stopped if stopped is not None else ended) for began, stopped in talks]
        if not spans or any(stopped is None for _, stopped in spans):
            return None
        return _seconds(sum(stopped - began for began, stopped in spans if stopped is not None))

    def _left_queue(self) -> int | None:
        """When the caller left the last queue unserved; None while he waits. The channel events know it to the microsecond."""
        left = self._queue_end()
        return self._ended() if left is None else left

    def _queue_end(self) -> int | None:
        last = [row for row in self.caller if row.app == 'Queue' and row.event in ('APP_START', 'APP_END')]
        return last[-1].at_us if last and last[-1].event == 'APP_END' else None

    def _agent(self, incoming: bool, talked: bool) -> str | None:
        named = next((row.agent for row in reversed(self.queue) if row.event == CONNECTED), '')
        if named or (incoming and not talked):
            return login(named, self.login_of)
        if not incoming:
            return None if self._by_us() else login(self.first.channel, self.login_of)
        channels = [row.peer for row in self.caller if row.event == 'BRIDGE_ENTER' and row.peer]
        channels += [row.channel for row in self.cel if row.event == 'BRIDGE_ENTER' and row.uniqueid != self.first.uniqueid]
        return login(channels[0], self.login_of) if channels else None

    def _disposition(self, incoming: bool, talked: bool, queued: bool, kind: str, destination: str) -> str:
        """How the call ended: answered | voice_message | call_back (he will be called) | abandoned (in the queue) | no_agent_timeout |
        fax (a modem took it) | fax_busy | fax_unavailable (none could) | goodbye (we hung up) | hung_up (the caller did, before a queue) |
        failed (never served, or Asterisk died). One that we placed: answered | busy | no_answer | failed."""
        if talked:
            return 'answered'
        if 'MESA_MESSAGE' in self.said:
            return 'voice_message'
        if self._lost():
            return 'failed'
        if 'MESA_CALL_BACK' in self.said:
            return CALL_BACK
        if queued:
            return 'abandoned' if self._gave_up() else 'no_agent_timeout'
        if FAX in (kind, destination):
            return NO_MODEM.get(self.said.get('MESA_FAX', ''), FAX)
        if not incoming:
            return self._placed() if self._by_us() else 'failed'
        if destination == 'hangup':
            return 'goodbye'
        if not self._sent_off():
            return 'hung_up'
        return 'goodbye' if self._at(self.caller, 'ANSWER') else 'failed'

    def _by_us(self) -> bool:
        """Whether Mesa placed the call: it begins with a channel of a trunk that nobody called in on."""
        return self.first.channel.startswith(TRUNK_CHANNEL)

    def _placed(self) -> str:
        """How a call that we placed ended without an agent: somebody answered Mesa itself, or did not."""
        if self._at(self.caller, 'ANSWER'):
            return 'answered'
        gone = next((row for row in self.caller if row.event == 'HANGUP'), None)
        return 'busy' if gone and gone.extra.get('hangupcause') == BUSY_CAUSE else 'no_answer'

    def _gave_up(self) -> bool:
        """Whether the caller hung up while he waited, or while he was asked what to do instead.

        queue_log knows; until its line is here the channel events tell.
        """
        told = [row.event for row in self.queue if row.event in LEFT_QUEUE]
        if told:
            return told[-1] in (ABANDONED, 'EXITWITHKEY')
        left, gone = self._queue_end(), self._ended()
        return not self._sent_off() and (left is None or gone is None or gone - left <= GOES_ON_US)

    def _sent_off(self) -> bool:
        """Whether our dialplan hung up, and not the caller."""
        return any(str(row.extra.get('hangupsource', '')).startswith('dialplan/') for row in self.caller if row.event == 'HANGUP')


def _order(row: Row) -> tuple[int, int, str]:
    """By time; Asterisk gives the last events of a channel one and the same."""
    return row.at_us, LAST_EVENTS.get(row.event, 0), row.uniqueid if isinstance(row, CelRow) else ''


def _moment(at_us: int | None) -> datetime | None:
    return None if at_us is None else moment(at_us)


def _seconds(span_us: int) -> float:
    return max(0, span_us) / 1_000_000
