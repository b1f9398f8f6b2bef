"""Call-backs on the real Asterisk: the place is kept, the order holds, and nothing is forgotten (mission.md 3.6)."""
from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ami_listener.rows import read_cel
from callcenter.caller import Caller
from callcenter.console import Complaint
from callcenter.listening import Queued
from callcenter.phone import Phone
from storage.engine import Database
from tests.real.callers import NOPALERA, Books, clock_at, eventually, follow, phone_of, queued
from tests.real.disasters import asleep, killed
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


def press_two(call: Caller) -> None:
    """Press 2 in the queue until it is taken: not while a position is told."""
    for _ in range(10):
        call.press('2')
        try:
            call.expect_prompt('mesa/callback-confirm', 1.5)
        except AssertionError:
            continue
        return
    raise AssertionError(f'nobody heard the key:\n{call.told()}')


def leave_place(call: Caller) -> None:
    """Ask to be called back at the number that is proposed."""
    press_two(call)
    call.press('1')
    call.expect_prompt('mesa/callback-kept')


def to_queue(call: Caller) -> None:
    """From the menu to the queue by key 0."""
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


@pytest.fixture(scope='module')
def out_port() -> int:
    """Where the users' telephones listen."""
    return free_port()


@pytest.fixture(scope='module')
def shop(out_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealMesa]:
    """An instance for the tests that leave no place behind; two attempts are made."""
    mesa = RealMesa(tmp_path_factory.mktemp('shop'), outbound_to(out_port, 'callback_attempts = 2'), TUESDAY)
    yield mesa
    mesa.stop()


@pytest.fixture
def books(shop: RealMesa) -> Iterator[Books]:
    kept_books = Books(shop)
    yield kept_books
    kept_books.close()


def asks(mesa: RealMesa, books: Books) -> str:
    """Somebody new waits and asks to be called back; the number of his folio."""
    (user,) = books.strangers(1)
    with caller(mesa.instance, NOPALERA, phone_of(user)) as call:
        to_queue(call)
        leave_place(call)
        call.finish(20)
        folio = books.folio_of(call.linkedid)
    assert folio
    return folio.number


def only(mesa: RealMesa, folio: str, state: str = 'waiting', attempts: int = 0) -> CallBack:
    """The call-back of a folio, once it is so."""
    def look() -> list[CallBack]:
        return [one for one in kept(mesa, None) if one.folio == folio and (one.state, one.attempts) == (state, attempts)]
    return eventually(look, lambda found: len(found) == 1, f'the call-back of {folio} {state} after {attempts} attempts')[0]


def in_queue(mesa: RealMesa, count: int) -> None:
    """Wait until so many stand in the standard queue."""
    eventually(lambda: mesa.asterisk_cli('queue show nopalera-standard'), lambda text: f'has {count} calls' in text, f'{count} wait')


def test_not_reached_twice_the_folio_stays_for_a_follow_up(shop: RealMesa, books: Books, out_port: int) -> None:
    folio = asks(shop, books)
    with UserPhone(shop, out_port) as home, agent(shop.instance, 'ana', auto_answer_s=0.2) as ana:
        home.expect_ring(40)
        home.refuse(486)
        ana.expect_over(20)                            # he is told, and is free
        again = only(shop, folio, attempts=1)
        assert again.next_at == datetime(2026, 11, 24, 16, 10, tzinfo=UTC)
        in_queue(shop, 0)
        with clock_at(shop, '2026-11-24T10:10'):
            home.expect_ring(40)
            home.answer()                              # and presses nothing, as an answering machine
            ana.expect_over(60)
            only(shop, folio, 'given_up', 2)
    first, second, last = [entry for entry in books.entries(folio, EntryKind.CALL_BACK)][1:]
    assert [books.call(entry.call).disposition for entry in (first, second)] == ['busy', 'no_key']
    assert 'queda abierto' in last.text and books.folio(folio).state == 'new'
    in_queue(shop, 0)


def test_the_agent_hangs_up_before_the_caller_answers(shop: RealMesa, books: Books, out_port: int) -> None:
    folio = asks(shop, books)
    with UserPhone(shop, out_port) as home:
        with agent(shop.instance, 'ana', auto_answer_s=0.2) as ana:
            home.expect_ring(40)
            ana.hang_up()
            home.expect_over(10)
        only(shop, folio, attempts=1)
        in_queue(shop, 1)                              # at once, in his place
        assert shop.mesa('call-back', 'cancel', str(only(shop, folio, attempts=1).id), '--reason', 'prueba').returncode == 0
        in_queue(shop, 0)


def test_another_number_and_a_second_request(shop: RealMesa, books: Books) -> None:
    (user,) = books.strangers(1)
    with caller(shop.instance, NOPALERA, phone_of(user)) as call:
        to_queue(call)
        press_two(call)
        call.press('2')
        call.expect_prompt('mesa/callback-ask-number')
        call.press('8005550101')                       # ours: nobody is called there
        call.expect_prompt('mesa/callback-number-wrong')
        call.press('5555554321')
        call.expect_prompt('mesa/callback-confirm')
        call.press('1')
        call.expect_prompt('mesa/callback-kept')
        call.finish(20)
    (waiting,) = kept(shop)
    assert waiting.number == '+525555554321'
    with caller(shop.instance, NOPALERA, '5555554321') as call:
        call.dial()
        follow(call, '#,#,#,0,2', queued)
        press_two(call)
        call.press('1')
        call.expect_prompt('mesa/callback-already')
        call.finish(20)
        second = books.folio_of(call.linkedid)
    assert second and [one.id for one in kept(shop)] == [waiting.id]
    listed = shop.json('call-back', 'list')
    assert [(one['id'], one['number'], one['state']) for one in listed] == [(waiting.id, '+525555554321', 'waiting')]
    assert shop.mesa('call-back', 'cancel', str(waiting.id), '--reason', 'prueba').returncode == 0
    again = shop.mesa('call-back', 'cancel', '999', '--reason', 'prueba')
    assert again.returncode == 1 and 'no call-back 999' in again.stderr
    in_queue(shop, 0)


def test_who_goes_on_waiting_stands_where_he_stood(shop: RealMesa, books: Books) -> None:
    first, second = books.strangers(2)
    with caller(shop.instance, NOPALERA, phone_of(first)) as one, caller(shop.instance, NOPALERA, phone_of(second)) as two:
        to_queue(one)
        to_queue(two)
        press_two(one)
        in_queue(shop, 1)
        one.press('3')
        one.expect_prompt('mesa/callback-wait-on')
        one.expect(Queued)
        in_queue(shop, 2)
        text = shop.asterisk_cli('queue show nopalera-standard')
        channels = re.findall(r'[0-9]+[.] (\S+) \(wait', text)
        named = [re.search(r'Caller ID: *([0-9]+)', shop.asterisk_cli(f'core show channel {channel}')) for channel in channels]
        assert [found and found[1] for found in named] == [phone_of(first), phone_of(second)]
        with asleep(shop):                             # Mesa does not answer: he is back in the queue within two seconds
            one.press('2')
            one.expect(Queued)
        for call in (one, two):
            call.hang_up()
            call.finish()
        linkedid = one.linkedid
    record = books.call(linkedid)
    assert record.disposition == 'abandoned' and record.folio
    assert books.abandoned(record.folio)


def test_who_hangs_up_while_he_is_asked_has_abandoned(shop: RealMesa, books: Books) -> None:
    (user,) = books.strangers(1)
    with caller(shop.instance, NOPALERA, phone_of(user)) as call:
        to_queue(call)
        press_two(call)
        call.hang_up()
        call.finish()
        linkedid = call.linkedid
    assert books.call(linkedid).disposition == 'abandoned' and kept(shop) == ()


def test_places_are_back_after_asterisk_was_killed(shop: RealMesa, books: Books) -> None:
    folio = asks(shop, books)
    in_queue(shop, 1)
    before = shop.pids['asterisk']
    os.kill(before, signal.SIGKILL)
    eventually(lambda: shop.pids.get('asterisk'), lambda pid: pid not in (None, before), 'Asterisk runs again', 60)
    eventually(lambda: _queue_text(shop), lambda text: 'has 1 calls' in text, 'the place is back', 60)
    assert only(shop, folio).attempts == 0
    assert shop.mesa('call-back', 'cancel', str(only(shop, folio).id), '--reason', 'prueba').returncode == 0
    in_queue(shop, 0)


def _queue_text(mesa: RealMesa) -> str:
    try:
        return mesa.asterisk_cli('queue show nopalera-standard')
    except Complaint:
        return ''                                      # it starts


FAST_AGENT = """
; A telephone that answers at once; it talks briefly with callers, and patiently when a caller is called back.
[custom-fast-agent]
exten => s,1,Answer()
 same => n,Wait(${IF($["${MESA_PLACE}"=""]?1:20)})
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
    with killed(mesa):
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
