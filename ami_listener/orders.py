"""What agents and supervisors do with calls, as orders to Asterisk (mission.md 6.1 to 6.3). Blocking: for pool threads.

Every word of an order is one of ours, or checked. Errors are sentences in Spanish, for the person who asked.
"""
from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Any

from ami_listener.call_record import CallRecord
from ami_listener.connection import AmiError
from ami_listener.dialer import WORD, DialError, dialled
from ami_listener.live import Live
from ami_listener.phones import BY_MESA, HELD, LISTENING, RINGING, TALKING, PhoneCall
from config.values import Site
from ticketing.click_to_call import Click

HOLD_KEY = 'D'                                         # see asterisk-conf/features.conf.j2
RING_S = 25
CHANNEL = re.compile(r'PJSIP/[A-Za-z0-9-]{1,80}-[0-9a-f]{8,16}')
NO_CALL = 'No hay ninguna llamada en ese teléfono.'
NOT_TOLD = ('No se puede escuchar esta llamada: quien llama no oyó el aviso de privacidad de grabación, o no estuvo de acuerdo.')


class OrderError(Exception):
    """What was asked for cannot be done; a sentence in Spanish."""


def may_listen(call: CallRecord | None) -> bool:
    """Whether a supervisor may listen to a call: the caller heard the notice of recording and did not refuse (mission.md 3.8).

    The call log has it from the hand-over itself (MESA_DONE); a call that we place, or that the dialplan served alone, had no such notice.
    """
    return call is not None and call.direction == 'in' and call.recorded and call.ended is None


class Orders:
    """Orders through the link of the live picture. `call_of` is the call log; every method raises OrderError.

    `tell(folio, text, by)` adds an entry ACCESS to the folio's timeline: that a supervisor listens is told before he does.
    """

    def __init__(self, live: Live, site: Callable[[], Site], call_of: Callable[[str], CallRecord | None],
                 tell: Callable[[str, str, str], object]) -> None:
        self._live = live
        self._site = site
        self._call_of = call_of
        self._tell = tell

    def hang_up(self, interface: str) -> None:
        """End what goes on on a telephone: the conversation, the dialling or the ringing."""
        call = self._call(interface)
        self._give({'Action': 'Hangup', 'Channel': _channel(call.channel), 'Cause': '16'})

    def hold(self, interface: str) -> None:
        """Let the other side hear music until `resume`."""
        self._key(self._call(interface, TALKING, 'No hay ninguna conversación que poner en espera.'))

    def resume(self, interface: str) -> None:
        """Speak again with who is on hold."""
        call = self._call(interface, HELD, 'No hay ninguna llamada en espera.')
        if call.held_by != BY_MESA:
            raise OrderError('La llamada se puso en espera en el teléfono mismo: retómela ahí.')
        self._key(call)

    def transfer_to_agent(self, interface: str, login: str) -> None:
        """Give the other side to an agent, without asking him; who reaches nobody goes back to his queue."""
        agent = self._site().agents.get(login)
        if agent is None:
            raise OrderError(f'No hay ningún agente {login!r}.')
        if interface in (agent.desk_phone, agent.browser_phone):
            raise OrderError('No puede transferirse la llamada a sí mismo.')
        self._transfer(interface, agent.extension)

    def transfer_to_queue(self, interface: str, queue: str) -> None:
        """Give the other side to a queue, with his priority, behind those who wait."""
        if queue not in self._site().queues:
            raise OrderError(f'No hay ninguna cola {queue!r}.')
        self._transfer(interface, queue)

    def call(self, interface: str, click: Click) -> None:
        """Ring an agent's own telephone and, when he takes it, call the number; the attempt is stored already."""
        self._free(interface)
        try:
            digits = dialled(click.number)
            shown = dialled(click.caller_id) if click.caller_id else ''
        except DialError as error:
            raise OrderError('Ese número no es uno mexicano al que llamemos.') from error
        variables = {'MESA_FOLIO': click.folio, 'MESA_NUMBER': digits, 'MESA_TRUNK': click.trunk, 'MESA_SHOWN': shown}
        self._originate(interface, click.linkedid, 'mesa-agent-call', 's', variables, digits)

    def listen(self, interface: str, listened: str, by: str, whisper: bool = False) -> str:
        """Let a supervisor, on his own telephone, hear the conversation of another; `whisper`: and speak to the agent alone.

        Only when `may_listen`. Returns the linkedid of the call that is heard.
        """
        self._free(interface)
        heard = self._call(listened, (TALKING, HELD), 'Ese teléfono no tiene ninguna conversación.')
        call = self._call_of(heard.linkedid)
        if call is None or not may_listen(call):
            raise OrderError(NOT_TOLD)
        if call.folio is not None:
            self._tell(call.folio, f'supervisor {by} escuchó la llamada{" y habló al agente" if whisper else ""}', by)
        self._originate(interface, f'{LISTENING}{secrets.token_hex(8)}', 'mesa-listen', 'whisper' if whisper else 'listen',
                        {'MESA_SPIED': _channel(heard.channel)}, '')
        return heard.linkedid

    # --- steps -----------------------------------------------------------------------------------------------------

    def _transfer(self, interface: str, extension: str) -> None:
        call = self._call(interface, (TALKING, HELD), 'No hay ninguna conversación que transferir.')
        self._give({'Action': 'BlindTransfer', 'Channel': _channel(call.channel), 'Context': 'mesa-transfer', 'Exten': _word(extension)})
        if call.held_by == BY_MESA:
            self._key(call)                            # its channel waits in the hold, and leaves only after it

    def _key(self, call: PhoneCall) -> None:
        self._give({'Action': 'PlayDTMF', 'Channel': _channel(call.channel), 'Digit': HOLD_KEY, 'Receive': 'true'})

    def _originate(self, interface: str, linkedid: str, context: str, extension: str, variables: dict[str, str], shown: str) -> None:
        self._give({
            'Action': 'Originate', 'ActionID': _word(linkedid), 'ChannelId': linkedid, 'Async': 'true', 'Channel': self._known(interface),
            'Context': context, 'Exten': extension, 'Priority': '1', 'Timeout': str(RING_S * 1000),
            'Variable': [f'{name}={_value(value)}' for name, value in variables.items()], **({'CallerID': f'<{shown}>'} if shown else {})})

    def _call(self, interface: str, phases: str | tuple[str, ...] = (), otherwise: str = NO_CALL) -> PhoneCall:
        """The call on a telephone, of these phases; the newest when there are several. Ringing ones come last."""
        self._known(interface)
        wanted = (phases,) if isinstance(phases, str) else phases
        if not self._live.is_fresh:
            raise OrderError('En este momento no hay comunicación con la central telefónica.')
        calls = sorted((call for call in self._live.phones.on(interface) if not wanted or call.phase in wanted),
                       key=lambda call: (call.phase != RINGING, call.since))
        if not calls:
            raise OrderError(otherwise)
        return calls[-1]

    def _free(self, interface: str) -> None:
        self._known(interface)
        if self._live.phones.on(interface):
            raise OrderError('Su teléfono está ocupado: termine primero la llamada en curso.')

    def _known(self, interface: str) -> str:
        if not any(interface in (agent.desk_phone, agent.browser_phone) for agent in self._site().agents.values()):
            raise OrderError('Ese teléfono no es de ningún agente.')
        return interface

    def _give(self, headers: dict[str, Any]) -> None:
        try:
            self._live.order(headers)
        except AmiError as error:
            raise OrderError('La central telefónica no lo hizo; vuelva a intentarlo.') from error


def _channel(name: str) -> str:
    if not CHANNEL.fullmatch(name):
        raise OrderError('Ese canal no es el de un teléfono de agente.')
    return name


def _word(text: str) -> str:
    if not WORD.fullmatch(text):
        raise OrderError(f'{text!r:.80} no puede ser parte de una orden.')
    return text


def _value(text: str) -> str:
    if not re.fullmatch(r'[A-Za-z0-9_.:+@/-]{0,200}', text):      # a comma or a bracket would be read by the dialplan
        raise OrderError(f'{text!r:.80} no puede ser parte de una orden.')
    return text
