"""Performs the steps of a conversation: the talking ones on the telephone, the others in the office's books."""
from __future__ import annotations

from datetime import datetime
from pathlib import Path

from agi.errors import CallerGone
from agi.office import Office
from agi.recordings import SHORTEST_RECORDING_S, keep, recorded_seconds, spoken_in
from agi.session import CallSession
from agi.talking import GRACE_S, TALK, Talking, Verbs
from config.values import Site
from ivr_flows.conversation import Redecide
from ivr_flows.decide import Decision
from ivr_flows.steps import (
    Categorise,
    FindFolio,
    FolioStatus,
    Identified,
    Mistyped,
    MyOpenFolios,
    NoSuchFolio,
    OpenFolio,
    PrivacyHeard,
    Record,
    ReuseFolio,
    TooManyGuesses,
)
from ticketing import damm
from ticketing.folios import EntryKind, Folio, Report
from ticketing.opening_facts import receipt_of, with_terms


class Performer(Talking):
    """One caller's conversation on the telephone; knows the folio that the call opened or joined.

    Runs on a call thread. Raises CallerGone when he hangs up, and whatever the books raise when they do not answer.
    """

    def __init__(self, call: CallSession, office: Office, decision: Decision, linkedid: str, redecide: Redecide) -> None:
        super().__init__(call)
        self.office = office
        self.decision = decision
        self.redecide = redecide
        self.linkedid = linkedid
        self.number: str | None = None
        self.recording: tuple[str, Path] | None = None
        self.privacy: list[tuple[PrivacyHeard, datetime]] = []

    def verbs(self) -> Verbs:
        return PERFORM

    # --- talking -------------------------------------------------------------------------------------------------

    def record(self, step: Record) -> float:
        path = self.office.messages / f'{self.linkedid}-{step.name}.wav'
        self.recording = (step.name, path)
        status = self.call.gosub('mesa-record', 's', '1', step.name, str(step.max_s), deadline_s=step.max_s + GRACE_S)
        if status == 'HANGUP':
            raise CallerGone('the caller hung up while he was recorded')
        seconds = recorded_seconds(path)
        if self.number is not None:
            self.keep_recording()
        return seconds if seconds >= SHORTEST_RECORDING_S else 0.0

    # --- books ---------------------------------------------------------------------------------------------------

    def identified(self, step: Identified) -> None:
        caller = self.decision.caller
        if (step.user, step.by) != (caller.user, caller.by):
            self.decision = self.redecide(step.user, step.by)

    def open_folio(self, step: OpenFolio) -> str:
        number = self.opened(step)
        self.call.run('mesa-folio', 's', '1', number)
        return number

    def opened(self, step: OpenFolio) -> str:
        """Open the call's folio, with what was heard and recorded before; the caller may be gone already."""
        now = self.office.now()
        site = self.office.standing().site
        facts = report(site, self.decision, self.linkedid, now, category=step.category, from_message=step.from_message)
        folio = self.office.folios.open(facts, now, receipt_of(facts, site, now))
        self.number = folio.number
        for heard, at in self.privacy:
            self.keep_privacy(folio.number, heard, at)
        self.privacy.clear()
        self.keep_recording()
        return folio.number

    def categorise(self, step: Categorise) -> None:
        if self.number:
            titles = {known.name: known.title for known in self.decision.client.categories}
            self.office.folios.categorise(self.number, step.category, self.office.now(), titles.get(step.category, ''))

    def reuse_folio(self, step: ReuseFolio) -> None:
        self.office.folios.tie_call(step.number, self.linkedid, self.office.now())
        self.number = step.number
        self.call.run('mesa-folio', 's', '1', step.number)

    def find_folio(self, step: FindFolio) -> FolioStatus | Mistyped | NoSuchFolio | TooManyGuesses:
        if not damm.is_valid(step.number):
            return Mistyped()
        client = self.decision.client
        caller = self.decision.caller
        shared = caller.ani is None or caller.ani in client.trunk_numbers
        key = caller.line.number if shared else str(caller.ani)
        folio = self.office.folios.find(step.number, client.key)
        per_hour = self.decision.policy.status_numbers_per_hour
        if not self.office.guard.allow(key, self.office.now(), per_hour, told=folio.number if folio else None):
            return TooManyGuesses()
        return status_of(folio) if folio else NoSuchFolio()

    def my_open_folios(self, step: MyOpenFolios) -> tuple[FolioStatus, ...]:
        caller = self.decision.caller
        if caller.user is None:
            return ()
        return tuple(status_of(f) for f in self.office.folios.open_folios(self.decision.client.key, caller.user.employee_number))

    def privacy_heard(self, step: PrivacyHeard) -> None:
        now = self.office.now()
        if self.number:
            self.keep_privacy(self.number, step, now)
        else:
            self.privacy.append((step, now))

    def keep_privacy(self, number: str, heard: PrivacyHeard, at: datetime) -> None:
        """Which words he heard and what he answered stand in the folio's timeline."""
        self.office.folios.privacy_heard(number, self.office.standing().notices[heard.notice], heard.accepted, at)

    # --- ends ----------------------------------------------------------------------------------------------------

    def keep_recording(self) -> None:
        """Tie what was recorded to the folio; nothing is tied twice."""
        if self.recording is None or self.number is None:
            return
        name, path = self.recording
        keep(self.office.folios, self.number, EntryKind(name), path, self.office.now())
        self.recording = None

    def caller_gone(self) -> None:
        """He is gone from Mesa: a message that was already spoken becomes a folio all the same.

        Whether he gave up is for the call log to say: he may as well be in the queue by now, because Mesa was too slow for the dialplan.
        """
        spoken = self.recording is not None and spoken_in(self.recording[1])
        if self.number is None and spoken and self.recording and self.recording[0] == 'message':
            self.opened(OpenFolio(category=None, from_message=True))
        else:
            self.keep_recording()

    def leave_note(self) -> None:
        """A folio remembers its caller; a call without one leaves a note (who, how known, why decided so, last words heard)."""
        if self.number is None:
            caller = self.decision.caller
            self.office.notes.keep(
                linkedid=self.linkedid, line=caller.line.number, client=self.decision.client.key, caller_number=caller.ani,
                employee_number=caller.user.employee_number if caller.user else None, identified_by=caller.by,
                rule=self.decision.rule, last_prompt=self.last_prompt, now=self.office.now())


PERFORM: Verbs = {
    **TALK,
    Record: Performer.record,
    Identified: Performer.identified,
    OpenFolio: Performer.open_folio,
    Categorise: Performer.categorise,
    ReuseFolio: Performer.reuse_folio,
    FindFolio: Performer.find_folio,
    MyOpenFolios: Performer.my_open_folios,
    PrivacyHeard: Performer.privacy_heard,
}


def report(site: Site, decision: Decision, linkedid: str, now: datetime, *, category: str | None, from_message: bool,
           origin: str = 'phone') -> Report:
    """The facts that a folio is opened with (mission.md 4.1); its clock starts now, or at the next opening when closed.

    Its due times are those of the contract (mission.md 4.5).
    """
    caller = decision.caller
    starts = now if decision.open or decision.next_opening is None else decision.next_opening
    facts = Report(
        line=caller.line.number, client=decision.client.key, modality=caller.line.modality.value, call=linkedid,
        employee_number=caller.user.employee_number if caller.user else None,
        user_name=caller.user.name if caller.user else None, site=caller.user.site if caller.user else None,
        user_email=(caller.user.email or None) if caller.user else None, caller_number=caller.ani, identified_by=caller.by,
        unlisted=decision.unlisted, category=category, kind='failure', priority='medium', rule=decision.rule,
        origin=origin, from_message=from_message, clock_starts=starts)
    return with_terms(facts, site, now)


def status_of(folio: Folio) -> FolioStatus:
    """What a caller may hear about a folio."""
    return FolioStatus(folio.number, folio.state.replace('_', '-'), folio.report.priority, folio.holder, folio.promised)
