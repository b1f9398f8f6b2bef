"""Places calls through Asterisk's manager interface, and tells how they ended (mission.md 4.7, 3.6).

The facts are stored before: a caller of `Dialer.dial` has committed the call's linkedid, which is ours to choose. Whatever this
process forgets when it dies is found again by `Dialer.alive`: a stored call that Asterisk does not know is over.
"""
from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from panoramisk.message import Message
from twisted.application.service import Service
from twisted.internet.defer import Deferred

from ami_listener.connection import AmiConnection, AmiError, LinkState, Pace
from config.phones import e164, earns, national

log = logging.getLogger(__name__)
ACCEPTED_S = 5.0                                       # for Asterisk to take an Originate
LISTED_S = 5.0
MEXICO = '+52'
WORD = re.compile(r'[A-Za-z0-9_.-]{1,140}')
VALUE = re.compile(r'[A-Za-z0-9_.:+@/ -]{0,200}')      # a comma or a bracket would be read by the dialplan
HANGUP_WITHIN_S = 1.0                                  # the two events that tell of a failure come in either order
OUTCOME_OF_CAUSE = {17: 'busy', 21: 'busy', 16: 'no_answer', 18: 'no_answer', 19: 'no_answer', 20: 'no_answer', 31: 'no_answer'}
OUTCOME_OF_REASON = {1: 'no_answer', 3: 'no_answer', 5: 'busy'}   # Asterisk's control frames; 0 and 8 stand for almost anything


class DialError(Exception):
    """The call was not placed: Asterisk refused it, or it is no number that we dial."""


class DialDoubt(Exception):
    """Nobody knows whether the call was placed: the link went down before the answer. `Dialer.alive` will tell."""


@dataclass(frozen=True, kw_only=True)
class Placing:
    """A call to be placed. It enters the dialplan at `context`,s,1 when it is answered, with `variables` on its channel.

    `number` and `caller_id` are Mexican numbers in E.164; `linkedid` is new, and becomes the call's own.
    """

    linkedid: str
    number: str
    trunk: str                                         # a trunk of the site that has `outbound`
    context: str
    variables: Mapping[str, str] = field(default_factory=dict)
    caller_id: str = ''
    ring_s: float = 30.0


@dataclass(frozen=True)
class Ended:
    """How a placed call ended: 'busy', 'no_answer' or 'failed' before it was answered, 'hung_up' after; `cause` is ISDN's, 0 unknown."""

    linkedid: str
    outcome: str
    cause: int = 0


OnEnd = Callable[[Ended], None]


@dataclass
class _Placed:
    """A call that Asterisk may be busy with."""

    on_end: OnEnd
    answered: bool = False
    failed: int | None = None                          # the reason of its failure
    cause: int | None = None                           # of its hang-up


class Dialer(Service):
    """A login of its own to Asterisk's manager. `dial`, `alive` and `hang_up` block; any thread but the reactor's may call them."""

    def __init__(self, reactor: Any, address: tuple[str, int], credentials: tuple[str, str], pace: Pace = Pace()) -> None:
        self.name = 'dialer'
        self._reactor = reactor
        self._ami = AmiConnection(address, credentials, on_event=self._hear, on_state=self._state_changed, pace=pace)
        self._placed: dict[str, _Placed] = {}          # by linkedid; touched on the reactor's thread alone

    @property
    def link_state(self) -> LinkState:
        """Whether calls can be placed."""
        return self._ami.state

    def startService(self) -> None:
        """Log in, and stay so."""
        Service.startService(self)                     # type: ignore[no-untyped-call]
        self._ami.start(asyncio.get_event_loop_policy().get_event_loop())

    def stopService(self) -> Deferred[None]:
        """Log out; calls under way go on without us."""
        Service.stopService(self)                      # type: ignore[no-untyped-call]
        return Deferred.fromFuture(asyncio.ensure_future(self._ami.stop()))

    def dial(self, placing: Placing, on_end: OnEnd) -> None:
        """Have Asterisk place a call; returns when it has taken the order, before anybody rings.

        `on_end` is called once, on a pool thread, when the call is over, unless the link goes down before: then `alive` tells.
        Raises DialError when nothing was dialled, DialDoubt when nobody knows.
        """
        order = originate(placing)
        if self.link_state is not LinkState.UP:
            raise DialError(f'the manager interface is {self.link_state.value}')
        try:
            answer = self._ami.from_thread(self._order(placing.linkedid, order, on_end), ACCEPTED_S)
        except AmiError as error:
            raise DialDoubt(str(error)) from error
        if answer.response != 'Success':
            raise DialError(f'Asterisk refuses to dial: {answer.message}')

    def alive(self) -> frozenset[str]:
        """The linkedids of all calls that Asterisk knows now. Raises AmiError."""
        return frozenset(message.linkedid for message in self._channels() if message.linkedid)

    def hang_up(self, linkedid: str, cause: int = 16) -> bool:
        """End a call that we placed, ringing or answered; False when it was over. Raises AmiError."""
        channels = [message.channel for message in self._channels() if message.uniqueid == linkedid]
        for channel in channels:
            self._ami.from_thread(self._ami.ask({'Action': 'Hangup', 'Channel': channel, 'Cause': cause}, patience_s=LISTED_S), LISTED_S)
        return bool(channels)

    def channels(self) -> list[Message]:
        """All channels that Asterisk has now, as it tells them. Raises AmiError."""
        return [message for message in self._channels() if message.event == 'CoreShowChannel']

    def order(self, headers: Mapping[str, Any]) -> None:
        """Give one order of ours, every word of it made of our own values. Raises AmiError when it is refused or not answered."""
        self._ami.order(headers, ACCEPTED_S)

    def _channels(self) -> list[Message]:
        return self._ami.from_thread(self._ami.ask({'Action': 'CoreShowChannels'}, many=True, patience_s=LISTED_S), LISTED_S)

    async def _order(self, linkedid: str, order: Mapping[str, Any], on_end: OnEnd) -> Message:
        self._placed[linkedid] = _Placed(on_end)
        accepted = False
        try:
            answer = (await self._ami.ask(order, patience_s=ACCEPTED_S))[0]
            accepted = bool(answer.response == 'Success')
            return answer
        finally:
            if not accepted:
                self._placed.pop(linkedid, None)

    # --- what Asterisk tells, on the reactor's thread --------------------------------------------------------------

    def _hear(self, message: Message) -> None:
        if message.event == 'OriginateResponse':
            self._tried(message)
        elif message.event == 'Hangup' and message.uniqueid in self._placed:
            self._placed[message.uniqueid].cause = number_of(message.cause)
            self._conclude(message.uniqueid)

    def _tried(self, message: Message) -> None:
        placed = self._placed.get(message.actionid)
        if placed is None:
            return
        if message.response == 'Success':
            placed.answered = True
        else:
            placed.failed = number_of(message.reason)
            # No channel, no hang-up: where not even one could be made, the reason is all that there is.
            asyncio.get_running_loop().call_later(HANGUP_WITHIN_S, self._give_up, message.actionid)
        self._conclude(message.actionid)

    def _conclude(self, linkedid: str) -> None:
        """Tell the end as soon as both events are there: whether it was answered, and why it is over."""
        placed = self._placed[linkedid]
        if placed.cause is not None and (placed.answered or placed.failed is not None):
            self._over(ended(linkedid, placed.answered, placed.failed or 0, placed.cause))

    def _give_up(self, linkedid: str) -> None:
        placed = self._placed.get(linkedid)
        if placed is not None and placed.failed is not None:
            self._over(ended(linkedid, False, placed.failed, 0))

    def _over(self, ended: Ended) -> None:
        placed = self._placed.pop(ended.linkedid)
        self._reactor.callInThread(_told, placed.on_end, ended)

    def _state_changed(self, state: LinkState) -> None:
        log.info('dialer: AMI link %s', state.value)
        if state is not LinkState.UP:
            self._placed.clear()                       # what ends while nobody listens is never told: `alive` knows


def originate(placing: Placing) -> dict[str, Any]:
    """The order to Asterisk, every word of it checked. Raises DialError: nothing but a Mexican number is ever dialled."""
    digits = dialled(placing.number)
    shown = dialled(placing.caller_id) if placing.caller_id else ''
    for word in (placing.linkedid, placing.trunk, placing.context, *placing.variables):
        if not WORD.fullmatch(word):
            raise DialError(f'{word!r:.80} cannot stand in an order to dial')
    for value in placing.variables.values():
        if not VALUE.fullmatch(value):
            raise DialError(f'{value!r:.80} cannot be the value of a variable of a call')
    return {
        'Action': 'Originate', 'ActionID': placing.linkedid, 'ChannelId': placing.linkedid, 'Async': 'true',
        'Channel': f'PJSIP/{digits}@trunk-{placing.trunk}', 'Context': placing.context, 'Exten': 's', 'Priority': '1',
        'Timeout': str(round(placing.ring_s * 1000)),
        'Variable': [f'{name}={value}' for name, value in placing.variables.items()],
        **({'CallerID': f'<{shown}>'} if shown else {}),
    }


def dialled(number: str) -> str:
    """The ten digits of a Mexican number in E.164.

    Raises DialError for anything else: no emergency or short number, no other country, none by which somebody earns.
    """
    if e164(number) != number or not number.startswith(MEXICO) or earns(number):
        raise DialError(f'{number!r:.40} is no Mexican telephone number in E.164 that we would pay for: it is not dialled')
    return national(number)


def ended(linkedid: str, answered: bool, reason: int, cause: int) -> Ended:
    """How a call ended, by the reason of its OriginateResponse and the cause of its hang-up. SIP's 486 is told by the cause alone."""
    if answered:
        return Ended(linkedid, 'hung_up', cause)
    return Ended(linkedid, OUTCOME_OF_CAUSE.get(cause) or OUTCOME_OF_REASON.get(reason, 'failed'), cause)


def number_of(text: str) -> int:
    """A header's number, 0 when it is none."""
    return int(text) if text.isascii() and text.isdigit() else 0


def _told(on_end: OnEnd, ended: Ended) -> None:
    try:
        on_end(ended)
    except Exception:
        log.exception('the end of call %s was not taken in', ended.linkedid)
