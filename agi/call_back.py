"""`agi://.../call_back`: a waiting caller asks to be called back; `agi://.../call_back_dial`: whom to dial now (mission.md 3.6)."""
from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from agi.errors import CallerGone
from agi.inbound import who_calls
from agi.office import Office
from agi.session import CallSession
from agi.talking import TALK, Talking, Verbs
from config.contract import way_out
from config.phones import national
from config.values import Client, Trunk
from ivr_flows.call_back import call_back as conversation
from ivr_flows.call_back import dialable, own_number
from ivr_flows.steps import Caller, KeepPlace
from ticketing.call_backs import Request

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Waiter(Talking):
    """The conversation with a caller who left the queue by pressing a key; `place` is what he gives up."""

    def __init__(self, call: CallSession, office: Office, place: Request) -> None:
        super().__init__(call)
        self.office = office
        self.place = place

    def verbs(self) -> Verbs:
        return {**TALK, KeepPlace: Waiter.keep_place}

    def keep_place(self, step: KeepPlace) -> bool:
        """Store his place, and only then let the dialplan know: from here on it is his, whatever happens to the call."""
        kept = self.office.call_backs.ask(replace(self.place, number=step.number), self.office.now())
        self.call.run('mesa-kept', 's', '1')
        return kept


def call_back(call: CallSession, office: Office) -> None:
    """Ask for the number and keep the place. Whatever fails, he goes back to where he waited: only `mesa-kept` takes him out.

    Arguments: line, linkedid, when he joined (tenths of a second since 1970), queue, priority, folio or ''.
    """
    standing = office.standing()
    caller = who_calls(call, standing)
    client = standing.site.clients[caller.line.client]
    place = with_folio(office, place_of(call.start.args, client.key))
    waiter = Waiter(call, office, place)
    may_dial = partial(dialable, standing.site) if is_one_of_theirs(office, client, caller, place) else None
    try:
        waiter.perform(conversation(own_number(standing.site, client, caller.ani), may_dial))
        call.end()
    except CallerGone:
        return


def is_one_of_theirs(office: Office, client: Client, caller: Caller, place: Request) -> bool:
    """Whether he is known, or calls through his company's trunk: a stranger must not have us call whomever he likes."""
    folio = office.folios.get(place.folio) if place.folio else None
    known = caller.user is not None or (folio is not None and folio.report.client == client.key and folio.report.employee_number)
    return bool(known or caller.ani in client.trunk_numbers)


def place_of(args: tuple[str, ...], client: str) -> Request:
    """The place that the dialplan tells of, as yet without a number. Raises ValueError when it is not what our dialplan writes."""
    line, linkedid, joined, queue, priority, folio = args
    return Request(linkedid=linkedid, client=client, line=line, queue=queue, priority=int(priority), number='',
                   joined_at=EPOCH + timedelta(milliseconds=int(joined) * 100), folio=folio or None)


def with_folio(office: Office, place: Request) -> Request:
    """The place with its call's folio, which the dialplan does not know when it served the call alone (mission.md 3.7)."""
    if place.folio is not None:
        return place
    folio = office.folios.of_call(place.linkedid)
    return replace(place, folio=folio.number if folio else None)


def call_back_dial(call: CallSession, office: Office) -> None:
    """Store the attempt and name whom to dial through which trunk; nothing is named when nobody waits for a call any more.

    Arguments: the call-back's number, linkedid.
    """
    site = office.standing().site
    trunk = way_out(site)
    call_back_id, linkedid = call.start.args
    if trunk is None:
        return
    attempt = office.call_backs.begin(int(call_back_id), linkedid, office.now())
    if attempt is None:
        return
    for name, value in (('MESA_NUMBER', national(attempt.number)), ('MESA_TRUNK', trunk.name), ('MESA_SHOWN_TO_CALLER', shown(trunk)),
                        ('MESA_RESULT', 'dial')):
        call.set_variable(name, value)
    call.end()


def shown(trunk: Trunk) -> str:
    """The number that our own calls show, as one dials it at home; '' for none."""
    return national(trunk.caller_id) if trunk.caller_id else ''
