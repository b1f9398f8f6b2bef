"""What calls and faxes are told as, and that docs/webhooks.md says so: its examples have our fields, its sample verifies our signatures."""
from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from ami_listener.call_log import CallLog
from ami_listener.call_news import NEWS, CallNews
from config.values import Modality, Site, Webhook
from config.webhooks import EVENTS
from fax.values import FaxState
from storage.engine import Database
from tests.fax_office import FaxOffice, policy, tiff
from tests.receivers import receiving
from tests.site_copies import ROOT
from tests.test_ami_listener_call_log import linkedid, record
from tests.test_ami_listener_call_log import write as write_journal
from tests.test_ticketing_hooks_courier import SECRET, Office, to
from ticketing.hooks.signing import signature
from ticketing.mail.bounces import bounced
from ticketing.tables import outbox, webhook_deliveries

NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)        # after the recorded calls
GUIDE = (ROOT / 'docs' / 'webhooks.md').read_text(encoding='utf-8')
HOOK = Webhook('crm', 'http://127.0.0.1:1/', ('*',))


def told(db: Database) -> list[Any]:
    with db.read() as connection:
        return list(connection.execute(select(webhook_deliveries).order_by(webhook_deliveries.c.id)))


def listening(site: Site) -> Site:
    return replace(site, clients={key: replace(client, webhooks=(HOOK,)) for key, client in site.clients.items()})


# -- calls ---------------------------------------------------------------------------------------------------------

class Listener:
    """A call log whose calls are told; the recorded calls came to the line of a client of the example."""

    def __init__(self, db: Database, modality: Modality = Modality.STANDARD) -> None:
        record(db, 'answered', 'abandoned')
        self.db, self.machine = db, NOW
        plain = CallLog(db)
        plain.catch_up(NOW)
        call = plain.get(linkedid('answered'))
        assert call is not None and call.line is not None
        site = listening(FaxOffice.site)
        line = replace(next(iter(site.lines.values())), number=call.line, modality=modality, client='nopalera')
        self.site = replace(site, lines=dict(site.lines) | {call.line: line})
        self.log = CallLog(db, tell=CallNews(lambda: self.site, lambda: self.machine))

    def fold(self) -> list[tuple[str, str, int]]:
        self.log.refresh([linkedid('answered'), linkedid('abandoned')], NOW)
        return [(row.subject.removeprefix('call:'), row.type, row.sequence) for row in told(self.db)]


def test_calls_are_told_once_however_often_they_are_folded(db: Database) -> None:
    listener = Listener(db)
    answered, abandoned = linkedid('answered'), linkedid('abandoned')
    expected = {(answered, 'call.answered', 1), (answered, 'call.ended', 3), (abandoned, 'call.abandoned', 2), (abandoned, 'call.ended', 3)}
    assert set(listener.fold()) == expected
    assert len(listener.fold()) == len(expected)
    row = next(row for row in told(db) if row.subject == f'call:{answered}' and row.type == 'call.ended')
    call = listener.log.get(answered)
    assert call is not None and row.client == 'nopalera'
    data = row.payload['data']
    assert (data['line'], data['ani'], data['folio'], data['disposition']) == (call.line, call.ani, call.folio, call.disposition)
    assert data['answered_at'].endswith('Z') and call.agent is not None and call.agent not in json.dumps(row.payload)


def test_a_call_in_progress_is_told_as_far_as_it_has_come(db: Database) -> None:
    from tests.recorded_calls import RECORDED
    listener = Listener(db)
    seen: list[str] = []
    recording = RECORDED['second_agent']
    for line in recording.queue:
        write_journal(db, 'queue', [line])
    for line in recording.cel:
        write_journal(db, 'cel', [line])
        listener.log.catch_up(NOW)
        seen += [row.type for row in told(db) if row.subject == f'call:{linkedid("second_agent")}'][len(seen):]
    assert seen == ['call.answered', 'call.ended']


@pytest.mark.parametrize('spoil', ['old', 'fax line', 'no webhook', 'line that is gone'])
def test_calls_that_are_no_news(db: Database, spoil: str) -> None:
    listener = Listener(db, Modality.FAX if spoil == 'fax line' else Modality.STANDARD)
    if spoil == 'old':
        listener.machine = NOW + NEWS
    elif spoil == 'no webhook':
        listener.site = replace(listener.site, clients=FaxOffice.site.clients)
    elif spoil == 'line that is gone':
        listener.site = replace(listener.site, lines={})
    assert listener.fold() == []


# -- faxes ---------------------------------------------------------------------------------------------------------

@pytest.fixture
def office(db: Database, tmp_path: Path) -> FaxOffice:
    return FaxOffice(db, tmp_path, site=listening(FaxOffice.site))


def test_a_fax_that_arrives_comes_back_and_reaches_nobody(office: FaxOffice) -> None:
    office.arrive(tiff('a'))
    office.work()
    for _ in range(2):                                                   # its account, then the second one
        fax = office.only
        with office.db.write() as connection:
            message_id = connection.scalar(select(outbox.c.message_id).where(outbox.c.id == fax.letter_id))
            assert message_id and bounced(connection, office.site, message_id, fax.recipient or '', '550 no', office.now)
        office.work()
    assert office.only.state is FaxState.UNDELIVERED
    rows = told(office.db)
    assert [row.type for row in rows] == ['fax.received', 'fax.delivered', 'fax.delivered', 'fax.undelivered']
    assert [row.payload['data']['deliveries'] for row in rows] == [0, 1, 2, 2]
    assert [row.sequence for row in rows] == sorted({row.sequence for row in rows})
    assert {row.subject for row in rows} == {f'fax:{office.only.reference}'} and {row.client for row in rows} == {'nopalera'}


def test_a_fax_too_long_is_told_as_rejected(office: FaxOffice) -> None:
    office.site = policy(office.site, fax_pages=1, fax_too_long='reject')
    office.arrive(tiff('a', 'b'))
    office.work()
    assert [row.type for row in told(office.db)] == ['fax.received', 'fax.rejected']
    assert told(office.db)[-1].payload['data']['pages'] == 2


def test_a_fax_of_nobody_is_told_to_nobody(office: FaxOffice) -> None:
    office.arrive(tiff('a'), called='+528009999999')
    office.work()
    assert told(office.db) == []


# -- the guide -----------------------------------------------------------------------------------------------------

def examples() -> dict[str, Any]:
    return {event['type']: event for event in map(json.loads, re.findall(r'```json\n(.*?)```', GUIDE, re.DOTALL))}


def test_every_event_is_in_the_guide() -> None:
    assert [event for event in EVENTS if f'`{event}`' not in GUIDE] == []


def test_the_examples_have_our_fields(db: Database, tmp_path: Path) -> None:
    office = Office(db, HOOK)
    number = office.desk.open()
    office.desk.life.assign(number, group='redes', by='sara', now=office.now)
    Listener(db).fold()
    faxes = FaxOffice(db, tmp_path, site=listening(FaxOffice.site))
    faxes.arrive(tiff('a'))
    faxes.work()
    ours = {row.type: row.payload for row in told(db)}
    for type_, example in examples().items():
        assert (list(example), list(example['data'])) == (list(ours[type_]), list(ours[type_]['data']))
        for name, value in example['data'].items():
            other = ours[type_]['data'][name]
            assert value is None or other is None or type(value) is type(other), name


def sample() -> Any:
    code, = re.findall(r'```python\n(.*?)```', GUIDE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    return names['is_from_mesa']


def test_the_sample_of_the_guide_verifies_what_we_send(db: Database) -> None:
    with receiving() as crm:
        office = Office(db, to(crm))
        office.machine = datetime.now(UTC)
        office.desk.open()
        office.courier.round()
        got, = crm.got
    is_from_mesa, header = sample(), got.headers['Mesa-Signature']
    assert is_from_mesa(got.body, header, SECRET)
    assert not is_from_mesa(got.body + b' ', header, SECRET)
    assert not is_from_mesa(got.body, header, SECRET + 'x')
    assert not is_from_mesa(got.body, signature(got.body, SECRET, office.machine - timedelta(minutes=6)), SECRET)
    for spoilt in ('', 't=,v1=', 'v1=00', f't=1e9,{header.split(",")[1]}', f'{header.split(",")[0]},v1=ñ', 't=²,v1=0'):
        assert not is_from_mesa(got.body, spoilt, SECRET)
