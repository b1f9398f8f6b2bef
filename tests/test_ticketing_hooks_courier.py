"""Events from their cause to the receiver: what is told, in which transaction, how often, and by whom it may be held up."""
from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from config.values import Site, Webhook
from storage.engine import Database
from tests.lives import HOUR, MINUTE, NOW, Desk, client, report, site
from tests.receivers import Receiver, receiving, silent, status
from ticketing.folios import FolioBook
from ticketing.hooks.announce import announce
from ticketing.hooks.courier import LEASE_S, LONGEST_REST, Courier
from ticketing.hooks.deliveries import KEPT_FOR, TRIED_FOR, HookBook, NoSuchDelivery
from ticketing.hooks.events import News
from ticketing.hooks.sender import Patience
from ticketing.tables import webhook_deliveries
from ticketing.values import FolioChanged, Sending, TicketingError

SECRET = 'whsec_of-tests'
MACHINE = datetime(2030, 1, 1, tzinfo=UTC)


def with_hooks(*hooks: Webhook, **more: Any) -> Site:
    return replace(site(), clients={'acme': client(webhooks=hooks, **more), 'globex': client(key='globex', name='Globex')})


def to(receiver: Receiver | str, name: str = 'crm', *events: str) -> Webhook:
    return Webhook(name, receiver if isinstance(receiver, str) else receiver.url, events or ('*',))


class Office:
    """A desk whose clients' systems listen; clocks stand until a test moves them."""

    def __init__(self, db: Database, *hooks: Webhook) -> None:
        self.desk = Desk(db, with_hooks(*hooks))
        self.book = HookBook(db, jitter=lambda: 0.0)
        self.now, self.machine = NOW, MACHINE
        self.courier = self.another_courier()

    def another_courier(self) -> Courier:
        return Courier(self.desk.db, lambda: self.desk.site, lambda key: SECRET, lambda: self.now, lambda: self.machine,
                       patience=Patience(0.5, 1.0))

    def pass_(self, time_: timedelta) -> None:
        self.now += time_
        self.machine += time_

    def told(self) -> list[Any]:
        with self.desk.db.read() as connection:
            return list(connection.execute(select(webhook_deliveries).order_by(webhook_deliveries.c.id)))

    def types(self) -> list[str]:
        return [row.type for row in self.told()]


@pytest.fixture
def crm() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def office(db: Database, crm: Receiver) -> Office:
    return Office(db, to(crm))


# -- what is told --------------------------------------------------------------------------------------------------

def test_a_folio_s_life_as_it_is_told(office: Office) -> None:
    life, number = office.desk.life, office.desk.open()
    life.assign(number, agent='beto', by='sara', now=NOW)
    life.prioritise(number, impact='high', urgency='high', reason='no hay sistema', by='sara', now=NOW)
    life.describe(number, summary='Otra cosa', by='beto', now=NOW)               # nobody outside needs to hear of it
    life.note(number, text='en la mesa', by='beto', now=NOW)
    life.wait(number, waiting_for='user', reason='falta su clave', by='beto', now=NOW)
    life.resolve(number, solution='se cambió', by='beto', now=NOW + HOUR)
    life.reopen(number, reason='sigue', by='user', now=NOW + HOUR)
    life.cancel(number, reason='ya no', by='sara', now=NOW + 2 * HOUR)
    rows = office.told()
    assert [row.type for row in rows] == ['folio.opened', 'folio.changed', 'folio.changed', 'folio.changed', 'folio.resolved',
                                          'folio.reopened', 'folio.closed']
    assert [row.payload['data'].get('changed') for row in rows] == [
        None, ['state', 'assignment'], ['priority'], ['state'], ['state'], ['state'], ['state']]
    sequences = [row.sequence for row in rows]
    assert sequences == sorted(set(sequences)) and sequences[0] == 0
    assert {row.subject for row in rows} == {f'folio:{number}'}
    assert [row.payload['data']['priority'] for row in rows[1:3]] == ['medium', 'high']


def test_an_event_says_no_more_than_it_must(office: Office) -> None:
    number = office.desk.open(call='1764000000.1', description='SECRETO', summary='SECRETO')
    office.desk.life.assign(number, agent='beto', by='sara', now=NOW)
    first, second = (row.payload for row in office.told())
    assert set(first) == {'id', 'type', 'created', 'client', 'subject', 'sequence', 'data'}
    assert (first['id'], first['created'], first['client']) == (office.told()[0].event_id, '2026-11-24T16:00:00.000Z', 'acme')
    assert first['data'] == {
        'folio': number, 'version': 0, 'line': '+528005550101', 'modality': 'standard', 'kind': 'failure', 'state': 'new',
        'waiting_for': None, 'priority': 'medium', 'category': 'mail', 'assigned_to': 'nobody', 'group': None,
        'opened_at': '2026-11-24T16:00:00.000Z', 'promised_at': first['data']['promised_at'], 'resolved_at': None, 'closed_at': None,
        'reopens': 0, 'linkedid': '1764000000.1', 'ani': '+525555550101'}
    for personal in ('SECRETO', 'José', 'jose@', '1234"', 'beto'):
        assert personal not in json.dumps([first, second], ensure_ascii=False)


def test_a_complaint_is_told_to_nobody(office: Office) -> None:
    office.desk.open(kind='complaint', complained_of='ana')
    number = office.desk.open()
    office.desk.life.complain(number, text='fue grosera', complained_of='ana', by='sara', now=NOW)
    office.desk.life.resolve(number, solution='se habló con ella', by='sara', now=NOW)
    assert office.types() == ['folio.opened']                            # from before it was one


def test_every_way_of_opening_is_told(office: Office) -> None:
    book = FolioBook(office.desk.db, lambda key: office.desk.site.clients[key].webhooks)
    folio = book.open(report(call='c1', origin='call'), NOW)
    assert book.open(report(call='c1', origin='call'), NOW).number == folio.number           # once a call
    office.desk.open()
    assert office.types() == ['folio.opened'] * 2


def test_only_what_was_asked_for_and_only_to_the_client_s_own(db: Database) -> None:
    office = Office(db, to('http://127.0.0.1:1/', 'all'), to('http://127.0.0.1:1/', 'ends', 'folio.closed', 'folio.resolved'),
                    to('http://127.0.0.1:1/', 'calls', 'call.*'))
    number = office.desk.open()
    office.desk.open(client='globex', line='+528005550201')
    office.desk.life.cancel(number, reason='x', by='sara', now=NOW)
    rows = office.told()
    assert [(row.webhook, row.type) for row in rows] == [('all', 'folio.opened'), ('all', 'folio.closed'), ('ends', 'folio.closed')]
    assert rows[1].event_id == rows[2].event_id != rows[0].event_id


def test_nothing_is_told_of_what_was_not_stored(office: Office) -> None:
    number = office.desk.open()
    with pytest.raises(FolioChanged):
        office.desk.life.assign(number, agent='beto', by='sara', now=NOW, expected=7)
    with pytest.raises(RuntimeError), office.desk.life._turn(number, 'sara', NOW) as turn:
        turn.change(agent='beto', holder='agent')
        raise RuntimeError
    assert office.types() == ['folio.opened']


def test_the_same_cause_asks_once(office: Office) -> None:
    news = News('call.ended', 'acme', 'call:1.1', 3, 'call:1.1:call.ended', {})
    with office.desk.db.write() as connection:
        hooks = office.desk.site.clients['acme'].webhooks
        assert [announce(connection, hooks, news, NOW) for _ in range(2)] == [1, 0]
    assert office.types() == ['call.ended']


# -- delivery ------------------------------------------------------------------------------------------------------

def test_what_arrives_is_signed_and_can_be_verified(office: Office, crm: Receiver) -> None:
    number = office.desk.open()
    assert office.courier.round() == 1
    got, = crm.got
    stamp, given = re.fullmatch(r't=(\d+),v1=([0-9a-f]{64})', got.headers['Mesa-Signature']).groups()    # type: ignore[union-attr]
    assert int(stamp) == MACHINE.timestamp()                             # made when it is sent, by the machine's clock
    assert hmac.compare_digest(given, hmac.new(SECRET.encode(), f'{stamp}.'.encode() + got.body, hashlib.sha256).hexdigest())
    event = json.loads(got.body)
    assert got.headers['Mesa-Event-Id'] == event['id'] and got.headers['Content-Type'] == 'application/json'
    assert (event['type'], event['data']['folio']) == ('folio.opened', number)
    row, = office.book.list()
    assert (row.state, row.finished_at, row.tries) == (Sending.SENT, NOW, 1)
    assert office.courier.round() == 0


def test_what_failed_comes_again_under_the_same_id_with_a_new_signature(office: Office, crm: Receiver) -> None:
    crm.behave = status(500)
    office.desk.open()
    pauses = []
    for _ in range(9):
        assert office.courier.round() == 1
        row, = office.book.list(states=[Sending.WAITING])
        assert row.not_before is not None and row.last_error == 'HTTP 500'
        pauses.append(row.not_before - office.machine)
        office.machine = row.not_before - timedelta(seconds=1)
        assert office.courier.round() == 0
        office.machine = row.not_before + LONGEST_REST
    expected = [MINUTE * minutes for minutes in (1, 2, 4, 8, 16, 32, 60, 60, 60)]
    assert all(least <= pause <= least * 1.1 for least, pause in zip(expected, pauses, strict=True))
    crm.behave = status(200)
    assert office.courier.round() == 1
    assert len({got.headers['Mesa-Event-Id'] for got in crm.got}) == 1 and len({got.body for got in crm.got}) == 1
    assert len({got.headers['Mesa-Signature'] for got in crm.got}) == len(crm.got) == 10


def test_after_three_days_it_is_given_up_also_what_was_never_tried(office: Office, crm: Receiver) -> None:
    crm.behave = status(500)
    office.desk.open()
    office.courier.round()
    office.desk.open()
    office.pass_(TRIED_FOR - MINUTE)
    assert office.courier.tidy() == 0
    office.pass_(MINUTE)
    assert office.courier.tidy() == 2
    assert [(row.state, row.last_error) for row in office.book.list()] == [
        (Sending.FAILED, 'the receiver took nothing for 3 days'), (Sending.FAILED, 'HTTP 500')]
    assert office.courier.round() == 0
    crm.behave = status(200)
    again = office.book.retry([row.id for row in office.book.list()], office.now)
    assert [row.state for row in again] == [Sending.WAITING] * 2
    office.pass_(LONGEST_REST)
    assert office.courier.round() == 2


def test_the_last_attempt_of_an_old_one_ends_it(office: Office, crm: Receiver) -> None:
    crm.behave = status(404)
    office.desk.open()
    office.pass_(TRIED_FOR)
    assert office.courier.round() == 1
    assert [(row.state, row.last_error) for row in office.book.list()] == [(Sending.FAILED, 'HTTP 404')]


def test_gone_is_not_asked_again(office: Office, crm: Receiver) -> None:
    crm.behave = status(410, b'we left')
    office.desk.open()
    assert office.courier.round() == 1
    assert [(row.state, row.last_error) for row in office.book.list()] == [(Sending.FAILED, 'HTTP 410: we left')]
    assert office.courier.round() == 0


def test_a_webhook_that_the_site_has_no_more(office: Office, crm: Receiver) -> None:
    office.desk.open()
    office.desk.site = with_hooks()
    assert office.courier.round() == 1
    assert [row.state for row in office.book.list()] == [Sending.DROPPED] and crm.got == []


def test_a_new_address_is_that_of_what_waits(office: Office, crm: Receiver) -> None:
    office.desk.open()
    office.desk.site = with_hooks(to(f'{crm.url}/new'))
    office.courier.round()
    assert [got.path for got in crm.got] == ['/new']


def test_a_defect_of_ours_holds_up_no_other(db: Database, crm: Receiver) -> None:
    office = Office(db, to(crm, 'broken'), to(crm, 'whole'))
    office.courier = Courier(db, lambda: office.desk.site, {'acme/whole': SECRET}.__getitem__, lambda: NOW, lambda: MACHINE)
    office.desk.open()
    assert office.courier.round() == 2
    assert len(crm.got) == 1
    assert [row.last_error for row in office.book.list(('acme', 'broken'))] == ["KeyError: 'acme/broken'"]


def test_what_ended_long_ago_is_forgotten(office: Office) -> None:
    office.desk.open()
    office.courier.round()
    office.pass_(KEPT_FOR - MINUTE)
    office.desk.open(office.now)
    assert office.courier.tidy() == 0
    office.pass_(MINUTE)
    assert office.courier.tidy() == 1
    assert [row.state for row in office.book.list()] == [Sending.WAITING]


# -- dead receivers ------------------------------------------------------------------------------------------------

def test_a_dead_receiver_delays_nobody(db: Database, crm: Receiver) -> None:
    """It has a lane at most, and rests after each silence, longer and longer; the other gets everything at once."""
    until = threading.Event()
    with receiving(silent(until)) as dead:
        office = Office(db, to(dead, 'dead'), to(crm, 'alive'))
        for _ in range(5):
            office.desk.open()
        lane = threading.Thread(target=office.courier.round)
        lane.start()
        dead.wait_for(1)
        began = time.monotonic()
        assert office.courier.round() == 5
        assert time.monotonic() - began < 10 and len(crm.got) == 5
        lane.join(20)
        until.set()
    assert len(dead.got) == 1                                            # one event found out, the others did not have to
    rests = []
    for _ in range(9):
        before = office.machine
        while office.courier.round() == 0:
            office.machine += timedelta(seconds=5)
        rests.append((office.machine - before).total_seconds())
    assert rests[:3] == [5, 10, 20] and max(rests) <= LONGEST_REST.total_seconds()


def test_an_answer_ends_the_rest(office: Office, crm: Receiver) -> None:
    crm.behave = status(503)
    office.desk.open()
    office.desk.open()
    assert office.courier.round() == 1                                   # the second one waits for the receiver
    crm.behave = status(200)
    office.machine += timedelta(seconds=5)
    assert office.courier.round() == 1
    office.desk.open()
    assert office.courier.round() == 1


def test_two_workers_send_nothing_twice(office: Office, crm: Receiver) -> None:
    for _ in range(20):
        office.desk.open()
    couriers = [office.another_courier() for _ in range(3)]
    deadline = time.monotonic() + 60

    def carry(courier: Courier) -> None:
        while len(crm.got) < 20 and time.monotonic() < deadline:
            courier.round()
    threads = [threading.Thread(target=carry, args=(courier,)) for courier in couriers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(70)
    assert len({got.headers['Mesa-Event-Id'] for got in crm.got}) == len(crm.got) == 20
    assert {row.state for row in office.book.list()} == {Sending.SENT}


# -- killed --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('answered', [False, True], ids=['before the answer', 'before it was written down'])
def test_killed_between_claim_and_outcome(office: Office, crm: Receiver, answered: bool) -> None:
    """At least once, under the same id: who died may have told it, and nobody else can know."""
    office.desk.open()
    office.desk.db.close()
    until = threading.Event()
    crm.behave = status(200) if answered else silent(until)
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            if answered:
                HookBook.sent = lambda *_: os.kill(os.getpid(), signal.SIGKILL)        # type: ignore[assignment,method-assign,return-value]
            office.another_courier().round()
        finally:
            os._exit(1)
    crm.wait_for(1)
    if not answered:
        os.kill(child, signal.SIGKILL)
    _, ended = os.waitpid(child, 0)
    until.set()
    assert os.WIFSIGNALED(ended) and os.WTERMSIG(ended) == signal.SIGKILL
    crm.behave = status(200)
    assert office.courier.round() == 0                                   # until the lease is over
    office.machine += timedelta(seconds=LEASE_S)
    assert office.courier.round() == 1
    first, second = crm.got
    assert first.body == second.body and first.headers['Mesa-Event-Id'] == second.headers['Mesa-Event-Id']
    assert [(row.state, row.tries) for row in office.book.list()] == [(Sending.SENT, 2)]


# -- people --------------------------------------------------------------------------------------------------------

def test_how_it_stands(office: Office, crm: Receiver) -> None:
    office.desk.open()
    office.courier.round()
    crm.behave = status(410)
    office.desk.open()
    office.courier.round()
    office.desk.open()
    standing = office.book.standings()['acme', 'crm']
    assert (standing.waiting, standing.sent, standing.failed, standing.last_sent_at, standing.last_error) == (1, 1, 1, NOW, 'HTTP 410')


def test_what_cannot_be_tried_again(office: Office) -> None:
    office.desk.open()
    row, = office.book.list()
    with pytest.raises(NoSuchDelivery):
        office.book.retry([row.id, 99], NOW)
    office.courier.round()
    with pytest.raises(TicketingError, match='is sent'):
        office.book.retry([row.id], NOW)
    with office.desk.db.write() as connection:
        connection.execute(update(webhook_deliveries).values(payload={}, state='failed'))
    with pytest.raises(TicketingError, match='erased'):
        office.book.retry([row.id], NOW)


def test_a_site_without_webhooks_stores_nothing(db: Database) -> None:
    office = Office(db)
    number = office.desk.open()
    office.desk.life.cancel(number, reason='x', by='sara', now=NOW)
    with db.read() as connection:
        assert connection.scalar(select(func.count()).select_from(webhook_deliveries)) == 0
