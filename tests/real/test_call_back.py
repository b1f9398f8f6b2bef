"""Call-backs on the real Asterisk: the place is kept, the order holds, and nothing is forgotten (mission.md 3.6)."""
from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from callcenter.caller import Caller
from callcenter.phone import Phone
from storage.engine import Database
from tests.real.callers import NOPALERA, Books, eventually, phone_of
from tests.real.instance import RealMesa
from tests.real.phones import AgentPhone, agent, caller
from ticketing.call_backs import CallBack, CallBacks
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
    eventually(lambda: books.entries(folio.number, EntryKind.ANSWERED), lambda found: [one.call for one in found] == [said.call], 'answered')
    assert books.call(linkedid, folio.number).disposition == 'call_back'
    assert not books.entries(folio.number, EntryKind.ABANDONED)
    books.close()
