"""What the call log owes to the folios: folios of calls that bypassed us, messages, recordings, marks (mission.md 3.5, 3.7, 3.8)."""
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from agi.office import Office
from agi.perform import report
from agi.recordings import keep, mend, spoken_in
from ami_listener.call_log import CallRecord
from ivr_flows.conversation import MESSAGE_NOTICE
from ivr_flows.decide import decide
from ticketing.call_backs import Outcome
from ticketing.folios import EntryKind, Folio
from ticketing.opening_facts import receipt_of

OUTCOMES = {'answered': Outcome.ACCEPTED, 'no_key': Outcome.NO_KEY, 'agent_left': Outcome.AGENT_LEFT, 'failed': Outcome.LOST}


class Afterwards:
    """The `ami_listener.bookkeeper.Folios` of the office. Idempotent: a call has one folio, ever, and a file joins it once.

    `clock_at` says what Mesa's clock showed at a moment of the machine's.
    """

    def __init__(self, office: Office, recordings: Path, clock_at: Callable[[datetime], datetime]) -> None:
        self._office = office
        self._recordings = recordings
        self._clock_at = clock_at

    def open_folio(self, call: CallRecord) -> str | None:
        """The folio of a call that Mesa did not serve to its end, made as if it had been there.

        None when the call deserves none: nobody was to answer and nothing was recorded, or its line is not ours any more.
        A message spoken at the end of a long wait joins the folio that the call has; a call that we placed has its folio from the start.
        """
        if call.direction == 'out':
            return self._office.call_backs.folio_of_placed(call.linkedid)
        moment = self._clock_at(call.started)
        line = self._office.standing().site.lines.get(call.line or '')
        message = self._office.messages / f'{call.linkedid}-message.wav'
        spoke = spoken_in(message)
        known = self._office.folios.of_call(call.linkedid)
        if known is None and (line is None or not (spoke or call.path == 'fallback-open')):
            return None
        folio = known or self._open(call, moment, spoke)
        if spoke:                                      # nobody is recorded whom the dialplan has not told and asked
            keep(self._office.folios, folio.number, EntryKind.MESSAGE, message, moment, self._office.standing().notices[MESSAGE_NOTICE])
        return folio.number

    def mark_abandoned(self, linkedid: str, at: datetime) -> None:
        """The caller left before an agent."""
        self._office.folios.mark_abandoned(linkedid, self._clock_at(at))

    def mark_answered(self, linkedid: str, agent: str, at: datetime) -> None:
        """An agent took the call, so that nobody is called back for it any more."""
        self._office.call_backs.stayed(linkedid, self._clock_at(at))
        self._office.folios.mark_answered(linkedid, agent, self._clock_at(at))

    def keep_recording(self, call: CallRecord) -> None:
        """Tie a recorded conversation to its folio; a file without a sound, because nobody answered, goes."""
        path = self._recordings / f'{call.linkedid}.wav'
        mend(path)
        if not spoken_in(path):
            path.unlink(missing_ok=True)
        elif call.folio is not None:
            keep(self._office.folios, call.folio, EntryKind.RECORDING, path, self._clock_at(call.ended or call.started))

    def settle_call_back(self, call: CallRecord) -> None:
        """Say how an attempt to call back ended, and so when the next one is due."""
        owner = self._office.call_backs.owner(call.linkedid)
        line = self._office.standing().site.lines.get(owner.line) if owner else None
        client = self._office.standing().site.clients.get(owner.client) if owner else None
        if client is None:
            return                                     # an attempt that never was: nobody waited any more
        policy = client.policy_of(line.modality) if line else client.policy
        outcome = OUTCOMES.get(call.disposition or '', Outcome.MISSED)
        self._office.call_backs.settle(call.linkedid, outcome, policy, self._clock_at(call.ended or call.started))

    def _open(self, call: CallRecord, moment: datetime, spoke: bool) -> Folio:
        """The folio as Mesa would have opened it for the caller's number alone."""
        standing = self._office.standing()
        site = standing.site
        decision = decide(site, standing.caller(site.lines[call.line or ''], call.ani), self._office.overrides(moment), moment)
        facts = report(site, decision, call.linkedid, moment, category=None, from_message=spoke, origin='fallback')
        return self._office.folios.open(facts, moment, receipt_of(facts, site, moment))
