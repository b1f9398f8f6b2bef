"""Which of the channels in the exchange is our telephone's: of a call that we place, and of one that Mesa places to us."""
from __future__ import annotations

import re

from ami_listener.rows import CALL_BACK_ID
from callcenter.listening import AmiEvent, Event

STEPS_UNTIL_PROBED = 12                                # a demo site's lines show the token within their first steps
OURS = ('mesa-', CALL_BACK_ID)                         # how the linkedids of the calls that Mesa places begin
UP = '6'


class OwnChannel:
    """Picks our own call out of everything that goes on in the exchange.

    The call carries a token in its INVITE, and the first steps of a demo site's lines show it: `MESA_PROBE=<token>`. A site that
    is none shows no token: then the first new channel with our number, dialling our number, is taken for ours.
    """

    def __init__(self, token: str, caller: str, dialled: str) -> None:
        self._token = token
        self._caller = caller
        self._dialled = dialled
        self._steps: dict[str, list[AmiEvent]] = {}
        self._look_alikes: set[str] = set()
        self.uniqueid: str | None = None
        self.linkedid: str | None = None

    def mine(self, event: AmiEvent) -> list[AmiEvent]:
        """The events of our call that this one lets us know: none, itself, or itself after those that were kept back."""
        uniqueid = event.fields.get('Uniqueid')
        if uniqueid is None:
            return []
        if self.uniqueid is not None:
            return [event] if uniqueid == self.uniqueid else []
        if event.fields.get('Event') == 'Newchannel' and self._looks_alike(event.fields):
            self._look_alikes.add(uniqueid)
        kept = self._steps.setdefault(uniqueid, [])
        kept.append(event)
        if self._is_ours(uniqueid, event.fields, len(kept)):
            self.uniqueid, self.linkedid = uniqueid, event.fields.get('Linkedid', uniqueid)
            self._steps = {}
            return kept
        return []

    def _looks_alike(self, fields: Event) -> bool:
        return fields.get('CallerIDNum') == self._caller and fields.get('Exten') == self._dialled

    def _is_ours(self, uniqueid: str, fields: Event, steps: int) -> bool:
        if fields.get('Event') == 'Newexten' and fields.get('AppData', '').startswith('MESA_PROBE='):
            self._look_alikes.discard(uniqueid)        # it says itself whose it is
            return fields['AppData'] == f'MESA_PROBE={self._token}'
        return uniqueid in self._look_alikes and (steps >= STEPS_UNTIL_PROBED or fields.get('Event') == 'Hangup')


class PlacedChannel:
    """Picks the call that rings at a trunk's far end: of the calls that Mesa places through the trunk, the one that is answered.

    One that we refuse never is: when our telephone has rung, the oldest that still rings is ours, since later ones find it busy.
    The first events of a call may have gone by: Asterisk sends its INVITE again to a telephone that was switched on too late.
    """

    def __init__(self, endpoint: str) -> None:
        self._channel = re.compile(rf'PJSIP/{re.escape(endpoint)}-[0-9a-f]+')
        self._ringing: dict[str, None] = {}            # their uniqueids, the oldest first
        self.has_rung = False
        self.uniqueid: str | None = None
        self.linkedid: str | None = None

    def mine(self, event: AmiEvent) -> list[AmiEvent]:
        """The events of our call that this one lets us know: none or itself."""
        fields = event.fields
        uniqueid = fields.get('Uniqueid', '')
        if self.uniqueid is None and self._is_placed(fields) and self._is_ours(uniqueid, fields):
            self.uniqueid, self.linkedid = uniqueid, fields['Linkedid']
        return [event] if self.uniqueid is not None and uniqueid == self.uniqueid else []

    def _is_placed(self, fields: Event) -> bool:
        return fields.get('Linkedid', '').startswith(OURS) and bool(self._channel.fullmatch(fields.get('Channel', '')))

    def _is_ours(self, uniqueid: str, fields: Event) -> bool:
        kind = fields.get('Event')
        if kind == 'Hangup':
            oldest = next(iter(self._ringing), uniqueid)
            self._ringing.pop(uniqueid, None)
            return self.has_rung and uniqueid == oldest
        if kind in ('Newchannel', 'Newstate') and fields.get('ChannelState') != UP:
            self._ringing.setdefault(uniqueid)
        return kind == 'Newstate' and fields.get('ChannelState') == UP
