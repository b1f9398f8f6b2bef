"""`mesa webhook` as a person or a script runs it, and the secrets of webhooks."""
from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callcenter.apply import apply_edited
from callcenter.instance import Instance
from storage.engine import Database
from tests.receivers import Receiver, receiving, status
from tests.site_copies import edit
from tests.test_callcenter_commands import Mesa, before, mesa
from tests.test_config_webhooks import CRM, END, NOPALERA
from tests.test_ticketing_hooks_told import sample
from ticketing.folios import FolioBook
from ticketing.hooks.courier import Courier
from ticketing.values import Report

__all__ = ['before', 'mesa']
NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)


@pytest.fixture
def crm() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def hooked(mesa: Mesa, crm: Receiver) -> Mesa:
    """An instance whose client has a webhook to the receiver."""
    edit(mesa.root / 'site', NOPALERA, END, CRM.replace('http://127.0.0.1:8999', crm.url))
    apply_edited(Instance.open(mesa.root))
    return mesa


@pytest.fixture
def books(hooked: Mesa) -> Iterator[Database]:
    database = Database(Instance.open(hooked.root).database_url, patience_s=20)
    yield database
    database.close()


def opened(hooked: Mesa, books: Database) -> str:
    site = Instance.open(hooked.root).site()
    report = Report(line='+528005550101', client='nopalera', modality='standard', clock_starts=NOW, rule='open')
    return FolioBook(books, lambda key: site.clients[key].webhooks).open(report, NOW).number


def deliver(hooked: Mesa, books: Database) -> int:
    instance = Instance.open(hooked.root)
    site = instance.site()
    return Courier(books, lambda: site, lambda key: instance.secrets(site).webhooks[key], lambda: NOW).round()


def test_a_site_without_webhooks_says_so(mesa: Mesa) -> None:
    assert mesa('webhook', 'list').out == 'No client has a webhook. See: docs/webhooks.md\n'
    assert mesa('webhook', 'list', '--json').json == []
    assert mesa('webhook', 'events').out == 'There are no such events.\n'
    done = mesa('webhook', 'secret', 'nopalera/crm')
    assert (done.code, done.err) == (1, "mesa: No webhook is called 'nopalera/crm'; there are: none.\n")


def test_a_secret_is_made_once_kept_from_others_and_renewed_when_asked(hooked: Mesa) -> None:
    first = hooked('webhook', 'secret', 'nopalera/crm').out
    assert first.startswith('whsec_') and len(first) > 45 and first == hooked('webhook', 'secret', 'nopalera/crm').out
    file = hooked.root / 'secrets.toml'
    assert first.strip() in file.read_text() and oct(file.stat().st_mode)[-3:] == '600'
    others = [path for path in hooked.root.rglob('*') if path.is_file() and path != file and first.strip().encode() in path.read_bytes()]
    assert others == []
    second = hooked('webhook', 'secret', 'nopalera/crm', '--new').out
    assert second != first and hooked('webhook', 'secret', 'nopalera/crm').out == second
    before_, after = file.read_text().replace(second.strip(), '').splitlines(), file.read_text().splitlines()
    assert len(before_) == len(after)                                    # and nothing else was lost


def test_a_test_event_arrives_signed_with_that_secret(hooked: Mesa, crm: Receiver) -> None:
    secret = hooked('webhook', 'secret', 'nopalera/crm').out.strip()
    done = hooked('webhook', 'test', 'nopalera/crm')
    assert done.code == 0 and 'HTTP 200' in done.out
    got, = crm.got
    event = json.loads(got.body)
    assert (event['type'], event['client'], event['data']) == ('webhook.test', 'nopalera', {})
    assert event['id'] in done.out and sample()(got.body, got.headers['Mesa-Signature'], secret)
    crm.behave = status(401, b'who are you?')
    done = hooked('webhook', 'test', 'nopalera/crm')
    assert (done.code, done.err) == (1, 'mesa: nopalera/crm did not take the event: HTTP 401: who are you?.\n')
    assert hooked('webhook', 'test', 'nopalera/crm', '--json').json['delivered'] is False
    assert hooked('webhook', 'events', '--json').json == []              # it is in no book


def test_what_failed_is_seen_and_sent_again(hooked: Mesa, books: Database, crm: Receiver) -> None:
    number = opened(hooked, books)
    crm.behave = status(410, b'gone \x1b[2Jfishing')
    assert deliver(hooked, books) == 1
    listed = hooked('webhook', 'list').out
    assert 'nopalera/crm' in listed and 'HTTP 410: gone' in listed and '\x1b' not in listed and 'folio.*, call.ended' in listed
    row, = hooked('webhook', 'events', 'nopalera/crm', '--state', 'failed', '--json').json
    assert (row['subject'], row['type'], row['tries']) == (f'folio:{number}', 'folio.opened', 1)
    assert f'folio:{number}' in hooked('webhook', 'events').out
    crm.behave = status(200)
    done = hooked('webhook', 'retry', str(row['id']))
    assert done.out == f'Event {row["id"]} (folio.opened) goes to nopalera/crm again.\n'
    assert deliver(hooked, books) == 1
    fact, = hooked('webhook', 'list', '--json').json
    assert (fact['waiting'], fact['sent'], fact['failed'], fact['url']) == (0, 1, 0, f'{crm.url}/mesa')
    assert 'is sent' in hooked('webhook', 'retry', str(row['id'])).err
    assert hooked('webhook', 'retry', '99').err == 'mesa: No delivery of a webhook has the id 99. See: mesa webhook events\n'


def test_a_rendered_site_and_its_plan_hold_no_secret(hooked: Mesa) -> None:
    secret = hooked('webhook', 'secret', 'nopalera/crm').out.strip()
    assert secret not in hooked('config', 'plan').out
    assert not [file for file in Path(hooked.root / 'applied').rglob('*') if file.is_file() and secret in file.read_text(errors='replace')]
