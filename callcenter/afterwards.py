"""Folios made after the fact, from the call log: of calls that bypassed Mesa, and of messages that it could not finish (mission.md 3.7)."""
from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

from agi.office import Office
from agi.perform import SHORTEST_RECORDING_S, recorded_seconds, report
from ami_listener.call_log import CallRecord
from config.phones import e164
from ivr_flows.conversation import MESSAGE_NOTICE
from ivr_flows.decide import decide
from ivr_flows.steps import Caller
from ticketing.folios import EntryKind, Folio
from ticketing.opening_facts import receipt_of


def folio_of_call(office: Office, call: CallRecord, moment: datetime) -> str | None:
    """The folio of a call that Mesa did not serve to its end, made as if it had been there; `moment` is the time of the call.

    None when the call deserves none: nobody was to answer and nothing was recorded, or its line is not ours any more.
    Idempotent: a call has one folio, ever. A message spoken at the end of a long wait joins the folio that the call has.
    """
    line = office.standing().site.lines.get(call.line or '')
    recording = office.messages / f'{call.linkedid}-message.wav'
    spoke = recorded_seconds(recording) >= SHORTEST_RECORDING_S
    known = office.folios.of_call(call.linkedid)
    if known is None and (line is None or not (spoke or call.path == 'fallback-open')):
        return None
    folio = known or open_folio(office, call, moment, spoke)
    if spoke:
        attach(office, folio.number, recording, moment)
    return folio.number


def open_folio(office: Office, call: CallRecord, moment: datetime, spoke: bool) -> Folio:
    """The folio as Mesa would have opened it for the caller's number alone."""
    standing = office.standing()
    line = standing.site.lines[call.line or '']
    ani = e164(call.ani) if call.ani else None
    user = standing.directory.by_phone(line.client, ani) if ani else None
    caller = Caller(line, ani, user, 'caller_id' if user else 'unknown')
    decision = decide(standing.site, caller, office.overrides(moment), moment)
    facts = report(standing.site, decision, call.linkedid, moment, category=None, from_message=spoke, origin='fallback')
    return office.folios.open(facts, moment, receipt_of(facts, standing.site, moment))


def attach(office: Office, number: str, recording: Path, moment: datetime) -> None:
    """Tie a voice message to its folio; nothing is tied twice."""
    digest = hashlib.sha256(recording.read_bytes()).hexdigest()
    new = office.folios.attach(number, EntryKind.MESSAGE, recording.name, digest, round(recorded_seconds(recording)), moment)
    if new:                                            # nobody is recorded whom the dialplan has not told and asked
        office.folios.privacy_heard(number, office.standing().notices[MESSAGE_NOTICE], True, moment)
