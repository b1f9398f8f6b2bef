"""Call-backs on the real Asterisk: the place is kept, the order holds, and nothing is forgotten (mission.md 3.6)."""
from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from ami_listener.rows import read_cel
from callcenter.caller import Caller
from callcenter.phone import Phone
from storage.engine import Database
from tests.real.callers import NOPALERA, Books, eventually, phone_of
from tests.real.instance import RealMesa
from tests.real.phones import AgentPhone, agent, caller
from ticketing.call_backs import CallBack, CallBacks, Request
from ticketing.folios import EntryKind

TUESDAY = '2026-11-24T10:00'
TRUNK = '127.0.0.2'


class UserPhone(AgentPhone):
    """The telephone of somebody outside, which our own calls reach through the trunk."""

    def __init__(self, mesa: RealMesa, port: int, *, auto_answer_s: float | None = None) -> None:
        super().__init__(mesa.place, 'user', '', auto_answer_s=auto_answer_s)
        self._port = port

    def __enter__(self) -> UserPhone:
        self._phone = Phone(self._server, TRUNK, self.extension, self._events, auto_answer_s=self._auto_answer_s, port=self._port)
        return self

    def press(self, keys: str) -> None:
        """Press keys."""
        self._phone.press(keys)


def free_port() -> int:
    """A UDP port of the trunk's address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((TRUNK, 0))
        return int(sock.getsockname()[1])


def outbound_to(port: int, policy: str = '') -> Callable[[Path], None]:
    """A site whose own calls go to this port."""
    def edit(site: Path) -> None:
        file = site / 'site.toml'
        text = file.read_text()
        assert '127.0.0.2:5070' in text
        file.write_text(text.replace('127.0.0.2:5070', f'{TRUNK}:{port}').replace('[policy]\n', f'[policy]\n{policy}\n'))
    return edit


def leave_place(call: Caller, queue_keys: tuple[str, ...] = ('1',)) -> None:
    """Wait until he is queued, press 2, and answer what he is asked."""
    call.press('2')
    for keys in queue_keys:
        call.expect_prompt('mesa/callback-confirm')
        call.press(keys)
    call.expect_prompt('mesa/callback-kept')


def to_queue(call: Caller) -> None:
    """From the menu to the queue by key 0."""
    from callcenter.listening import Queued
    call.dial()
    call.expect_prompt('mesa/menu-agent')
    call.press('0')
    call.expect_prompt('mesa/repeat-folio')
    call.press('2')
    call.expect(Queued)


def kept(mesa: RealMesa, state: str | None = 'waiting') -> tuple[CallBack, ...]:
    """The call-backs in the books."""
    db = Database(mesa.database_url, patience_s=20.0)
    try:
        return CallBacks(db).list(state)
    finally:
        db.close()


def talking(mesa: RealMesa) -> None:
    """Wait until agent and caller are connected: two bridges, that of the queue and that of the dialled leg."""
    eventually(lambda: mesa.asterisk_cli('bridge show all'), lambda text: text.count(' basic ') == 2, 'both are connected')


def test_a_caller_leaves_the_queue_and_is_called_back(make_mesa: Callable[..., RealMesa]) -> None:
    port = free_port()
    mesa = make_mesa(edit=outbound_to(port), clock=TUESDAY)
    books = Books(mesa)
    (user,) = books.strangers(1)
    with caller(mesa.instance, NOPALERA, phone_of(user)) as call:
        to_queue(call)
        leave_place(call)
        call.finish(20)
        linkedid = call.linkedid
    (waiting,) = kept(mesa)
    assert (waiting.linkedid, waiting.number, waiting.attempts) == (linkedid, user.phones[0], 0)
    folio = books.folio_of(linkedid)
    assert folio and waiting.folio == folio.number
    eventually(lambda: mesa.asterisk_cli('queue show nopalera-standard'), lambda text: 'mesa-call-back' in text, 'the place in the queue')
    with UserPhone(mesa, port) as home, agent(mesa.instance, 'ana', auto_answer_s=0.2) as ana:
        ana.expect_talk(30)
        home.expect_ring()
        home.answer()
        home.press('1')
        talking(mesa)
        ana.listen()
        home.speak(1.0)
        ana.expect_audio()
        home.listen()
        ana.speak(1.0)
        home.expect_audio()
        home.hang_up()
        ana.expect_over()
    (served,) = eventually(lambda: kept(mesa, 'served'), lambda found: len(found) == 1, 'the call-back served')
    assert served.attempts == 1
    (said,) = [entry for entry in books.entries(folio.number, EntryKind.CALL_BACK) if entry.call != linkedid]
    record = books.call(said.call, folio.number)
    assert (record.direction, record.disposition, record.agent, record.dialled) == ('out', 'answered', 'ana', phone_of(user))
    assert record.queue == 'nopalera-standard' and record.line == waiting.line and record.talk_s and record.talk_s > 1.5
    assert [leg.disposition for leg in record.legs] == ['ANSWERED']
    answered = eventually(lambda: books.entries(folio.number, EntryKind.ANSWERED), bool, 'the folio knows of the agent')
    assert [(entry.call, entry.by) for entry in answered] == [(said.call, 'ana')]
    assert books.call(linkedid, folio.number).disposition == 'call_back'
    assert not books.entries(folio.number, EntryKind.ABANDONED)
    books.close()


FAST_AGENT = """
; A telephone that answers at once; it talks briefly with callers, and patiently when a caller is called back.
[custom-fast-agent]
exten => s,1,Answer()
 same => n,Wait(${IF($["${MESA_PLACE}"=""]?0.2:20)})
 same => n,Hangup()
; A caller who only waits.
[custom-silent-caller]
exten => s,1,Wait(600)
"""


def with_fast_agent(port: int) -> Callable[[Path], None]:
    """A site whose test may add a fast agent to a queue."""
    def edit(site: Path) -> None:
        outbound_to(port)(site)
        (site / 'custom' / 'fast-agent.conf').write_text(FAST_AGENT)
        queues = site / 'queues.toml'
        queues.write_text(queues.read_text().replace('[nopalera-standard]\n', '[nopalera-standard]\nwrapup_seconds = 0\n'))
    return edit


class Crowd:
    """Callers who join the standard queue one after the other, every second one to be called back; `arrived` is their true order."""

    def __init__(self, mesa: RealMesa) -> None:
        self.mesa = mesa
        self.arrived: list[str] = []
        self._db = Database(mesa.database_url, patience_s=20.0)
        self.call_backs = CallBacks(self._db)

    def close(self) -> None:
        self._db.close()

    def waits(self, number: int) -> None:
        """Somebody joins the queue and stays."""
        self.mesa.asterisk_cli('channel originate Local/nopalera-standard@mesa-queue/n extension s@custom-silent-caller')
        (new,) = eventually(lambda: {name for name in self.standing() if '@mesa-queue' in name} - set(self.arrived),
                            lambda found: len(found) == 1, f'caller {number} waits')
        self.arrived.append(new)

    def leaves(self, number: int) -> None:
        """Somebody joined the queue now, and has asked to be called back."""
        request = Request(linkedid=f'asked-{number}', client='nopalera', line='+528005550101', queue='nopalera-standard', priority=0,
                          number=f'+5255555560{number:02}', joined_at=datetime.now(UTC))
        assert self.call_backs.ask(request, datetime(2026, 11, 24, 16, tzinfo=UTC))
        (row,) = [one for one in self.call_backs.list() if one.linkedid == request.linkedid]
        self.arrived.append(f'Local/{row.id}@mesa-call-back')

    def standing(self) -> list[str]:
        """Who stands in the queue, from its head."""
        return [re.sub(r'(mesa-call-back)-[0-9a-f]+;2', r'\1', name) for name in self._channels()]

    def places(self) -> list[str]:
        """The kept places among them, as channels."""
        return [name for name in self._channels() if '@mesa-call-back' in name]

    def _channels(self) -> list[str]:
        text = self.mesa.asterisk_cli('queue show nopalera-standard').partition('Callers:')[2]
        return re.findall(r'^ +[0-9]+[.] (\S+) \(wait', text, re.MULTILINE)

    def served(self) -> list[str]:
        """Whom the agent has taken, in order, from Asterisk's own journal."""
        order: list[str] = []
        for line in (self.mesa.place.asterisk_log / 'cel-custom' / 'mesa.csv').read_text().splitlines():
            row = read_cel(line)
            if row.event == 'USER_DEFINED' and (row.user_event, row.extra.get('extra')) == ('MESA_CALL_BACK', 'agent'):
                order.append(re.sub(r'-[0-9a-f]+;1$', '', row.channel))
            elif row.event == 'BRIDGE_ENTER' and row.channel.startswith('Local/nopalera-standard@mesa-queue'):
                order.append(row.channel)
        return order

    def all_stand(self) -> list[str]:
        """The whole queue, once everybody is there."""
        return eventually(self.standing, lambda found: len(found) == len(self.arrived), 'everybody stands in the queue', 60)


def test_fifty_who_wait_and_fifty_who_are_called_back_keep_their_order(make_mesa: Callable[..., RealMesa]) -> None:
    """The order in Asterisk's own queue is that of joining, whoever has left his place; also after Asterisk and Mesa were killed."""
    mesa = make_mesa(edit=with_fast_agent(free_port()), clock=TUESDAY)
    crowd = Crowd(mesa)
    for number in range(50):
        crowd.leaves(2 * number)
        time.sleep(0.11)                               # the order is kept by the tenth of a second
        crowd.waits(2 * number + 1)
        time.sleep(0.11)
    assert crowd.all_stand() == crowd.arrived
    os.kill(mesa.pids['mesa'], signal.SIGKILL)
    for lost in crowd.places()[10:20]:
        mesa.asterisk_cli(f'channel request hangup {lost}')
    eventually(crowd.standing, lambda found: len(found) == 90, 'ten places are lost')
    assert crowd.all_stand() == crowd.arrived
    crowd.close()


def test_the_agent_takes_them_in_their_order(make_mesa: Callable[..., RealMesa]) -> None:
    port = free_port()
    mesa = make_mesa(edit=with_fast_agent(port), clock=TUESDAY)
    crowd = Crowd(mesa)
    for number in range(6):
        crowd.waits(2 * number)
        time.sleep(0.11)
        crowd.leaves(2 * number + 1)
        time.sleep(0.11)
    crowd.all_stand()
    with UserPhone(mesa, port) as busy:
        mesa.asterisk_cli('queue add member Local/s@custom-fast-agent/n to nopalera-standard')
        for _ in range(6):
            busy.expect_ring(40)
            busy.refuse()
        assert eventually(crowd.served, lambda found: len(found) == 12, 'all are served') == crowd.arrived
    assert {one.attempts for one in eventually(crowd.call_backs.list, lambda found: all(one.attempts for one in found), 'told')} == {1}
    crowd.close()
