"""Alerts about the allowance, `mesa allowance`, the card and the page of a folio (mission.md 6.1, 7.1)."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from ami_listener.phones import RINGING, PhoneCall
from callcenter.metering import Alerts, letters_of
from config.load import load
from config.terms import Contract, OverageRule, Terms
from config.values import Modality, Policy, Site
from contracts.allowance import Meter
from contracts.allowance_tables import allowance_alerts
from contracts.months import Month
from desk.calls.cards import Cards, Quota
from desk.calls.seats import SeatFacts, state_of
from storage.engine import Database
from tests.lives import DAY, HOUR, MEXICO, NOW, Desk, site
from tests.test_callcenter_commands import Mesa, before, mesa  # noqa: F401
from ticketing.mail.letter_texts import render
from ticketing.mail.outbox import Outgoing
from ticketing.values import Sending

EXAMPLE = Path(__file__).resolve().parent.parent / 'config' / 'example'
STANDARD, NOVEMBER = Modality.STANDARD, Month(2026, 11)
TEN = Terms(STANDARD, date(2026, 1, 1), allowance=10, overage_price=Decimal('12.50'))


def contracted(terms: Terms = TEN, **facts: Any) -> Site:
    return site(contract=Contract(terms=(terms,)), **facts)


def opened(desk: Desk, many: int, at: datetime = NOW) -> list[str]:
    return [desk.open(at) for _ in range(many)]


def look(desk: Desk, at: datetime = NOW) -> list[tuple[str, int, int]]:
    """One round; the new letters: to whom, about which threshold, and how many requests they tell of."""
    known = len(desk.letters('allowance'))
    written = Alerts(desk.db, lambda: desk.site).round(at)
    rows = desk.letters('allowance')[known:]
    assert written == len(rows)
    return [(row.recipient, row.payload['threshold'], row.payload['requests']) for row in rows]


AS_ANA = ('--by', 'ana', '--json')
BOTH = ('elena@acme.example', 'sara@mesa.example')


def both(threshold: int, requests: int) -> list[tuple[str, int, int]]:
    return [(recipient, threshold, requests) for recipient in BOTH]


def test_each_threshold_is_told_once_to_the_contact_and_the_supervisors(db: Database) -> None:
    desk = Desk(db, contracted())
    opened(desk, 7)
    assert look(desk) == []
    opened(desk, 1)
    assert look(desk) == both(80, 8) and look(desk, NOW + HOUR) == []
    opened(desk, 1)
    assert look(desk) == []
    opened(desk, 1)
    assert look(desk) == both(100, 10)
    opened(desk, 1)
    assert look(desk) == both(105, 11)
    opened(desk, 5)
    assert look(desk) == []
    with db.read() as connection:
        assert [tuple(row) for row in connection.execute(select(allowance_alerts).order_by(allowance_alerts.c.threshold))] == [
            ('acme', 'standard', '2026-11', threshold, requests, 10, NOW) for threshold, requests in ((80, 8), (100, 10), (105, 11))]


def test_of_two_that_are_crossed_at_once_the_highest_is_told(db: Database) -> None:
    desk = Desk(db, contracted())
    opened(desk, 11)
    assert look(desk) == both(105, 11) and look(desk) == []


def test_what_was_told_is_not_told_again_when_the_count_falls_and_rises(db: Database) -> None:
    desk = Desk(db, contracted())
    *_, last = opened(desk, 10)
    assert look(desk) == both(100, 10)
    desk.life.decide_count(last, counts=False, reason='prueba', by='sara', now=NOW)
    assert look(desk) == []
    opened(desk, 1)
    assert look(desk) == []


def test_each_month_and_modality_has_its_own_and_the_last_evening_is_told_in_the_next_month(db: Database) -> None:
    desk = Desk(db, contracted())
    evening = datetime(2026, 10, 31, 23, 59, tzinfo=MEXICO)
    opened(desk, 8, evening)
    opened(desk, 9, evening - 31 * DAY)                                  # an earlier month is told no more
    assert look(desk, evening + timedelta(minutes=2)) == both(80, 8)
    opened(desk, 10, evening + HOUR)
    assert look(desk, evening + HOUR) == both(100, 10)
    assert [row.payload['month_title'] for row in desk.letters('allowance')] == ['octubre de 2026'] * 2 + ['noviembre de 2026'] * 2


def test_nobody_hears_of_what_is_not_metered_and_an_allowance_of_nothing_is_passed_by_the_first(db: Database) -> None:
    desk = Desk(db)
    opened(desk, 30)
    assert look(desk) == []
    desk.site = contracted(replace(TEN, allowance=None))
    assert look(desk) == []
    desk.site = contracted(replace(TEN, allowance=0))
    assert look(desk) == both(105, 30)


def test_the_letter_waits_for_the_line_s_hours_unless_the_contract_says_otherwise(db: Database) -> None:
    desk = Desk(db, contracted())
    night = datetime(2026, 11, 24, 23, tzinfo=MEXICO)
    opened(desk, 8, night)
    look(desk, night)
    opening = datetime(2026, 11, 25, 8, tzinfo=MEXICO)
    assert {(row.due, row.held) for row in desk.letters('allowance')} == {(opening, True)}
    desk.site = contracted(policy=Policy(notify_outside_hours=True))
    opened(desk, 2, night)
    look(desk, night)
    assert {(row.due, row.held) for row in desk.letters('allowance')[2:]} == {(night.astimezone(UTC), False)}


def test_a_letter_tells_how_many_months_were_above(db: Database) -> None:
    desk = Desk(db, contracted())
    for days in (85, 55, 25, 0):                                         # August to November; three and more are told alike
        opened(desk, 11, NOW - days * DAY)
    look(desk)
    assert {row.payload['months_above'] for row in desk.letters('allowance')} == {3}


def passed(meter: Meter, months_above: int = 0, terms: Terms | None = TEN) -> Any:
    from callcenter.metering import Passed
    assert meter.threshold is not None
    return Passed(contracted().clients['acme'], STANDARD, NOVEMBER, meter, meter.threshold, terms, months_above)


def text_of(meter: Meter, months_above: int = 0, terms: Terms | None = TEN) -> str:
    known = contracted()
    notice = letters_of(known, passed(meter, months_above, terms), NOW)[0]
    row = Outgoing(id=1, notice=notice.name, recipient=notice.recipient, message_id='<1@x>', facts=notice.facts, state=Sending.WAITING,
                   due=NOW, created_at=NOW, client='acme')
    texts = render(row, known, None)
    assert 'None' not in texts.text + texts.html
    return f'{texts.subject}\n{texts.text}'


@pytest.mark.parametrize(('meter', 'months_above', 'terms', 'said', 'unsaid'), [
    (Meter(400, 320), 0, TEN, ['Cuota por agotarse: Acme México, HELP DESK 911, noviembre de 2026', 'Apreciable Elena Ruiz:',
                               'lleva 320 de las 400 solicitudes', '(80.0 %). Quedan 80.', 'cuesta $12.50 antes de impuestos'],
     ['tercer mes consec']),
    (Meter(5, 4), 1, TEN, ['Queda 1.', 'En el mes anterior la cuota se rebasó en más de 5 %.'], []),
    (Meter(400, 400), 2, TEN, ['Cuota agotada', 'llegó a 400 solicitudes', 'En los dos meses anteriores la cuota se rebasó'], ['Quedan']),
    (Meter(1, 1), 0, TEN, ['llegó a 1 solicitud en'], []),
    (Meter(400, 410), 0, TEN, ['la cuota se agotó y hay 10 por encima'], []),
    (Meter(400, 421), 1, TEN, ['Cuota excedida en más de 5 %', 'la cuota se rebasó por 21 (105.3 %)', 'es el primer mes'], []),
    (Meter(400, 421), 2, TEN, ['es el segundo mes consecutivo'], []),
    (Meter(400, 421), 3, TEN, ['el excedente se cobrará en el estado de cuenta de este mes'], []),
    (Meter(0, 1), 1, TEN, ['lleva 1 solicitud en HELP DESK 911. El contrato no incluye ninguna'], [' %)']),
    (Meter(400, 421), 3, replace(TEN, overage_price=Decimal(0)), ['no genera ningún cargo'], ['se cobrará', '$']),
    (Meter(400, 421), 1, replace(TEN, overage_price=Decimal('7.1250'), overage=OverageRule(105, False)), [
        'por encima del 105 % de la cuota cuesta $7.125 antes de impuestos, a partir del tercer mes'], []),
])
def test_what_a_letter_says(meter: Meter, months_above: int, terms: Terms, said: list[str], unsaid: list[str]) -> None:
    text = text_of(meter, months_above, terms)
    assert all(words in text for words in said), text
    assert not any(words in text for words in unsaid), text


def test_an_address_gets_one_letter() -> None:
    known = contracted()
    contact = known.clients['acme'].contact
    assert contact is not None
    alike = replace(known.clients['acme'], contact=replace(contact, email='sara@mesa.example'))
    told = replace(passed(Meter(10, 11)), client=alike)
    assert [notice.recipient for notice in letters_of(replace(known, clients={'acme': alike}), told, NOW)] == ['sara@mesa.example']


# --- the card ---------------------------------------------------------------------------------------------------------------

def ringing(linkedid: str) -> PhoneCall:
    return PhoneCall('PJSIP/1001', 'PJSIP/1001-1', f'{linkedid}.1', linkedid, RINGING, NOW)


def test_the_card_tells_what_is_left_and_remembers_it_for_some_seconds(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, seconds = Desk(db, contracted()), [100.0]
    monkeypatch.setattr('desk.calls.cards.monotonic', lambda: seconds[0])
    cards = Cards(db, lambda: desk.site, lambda: NOW)
    desk.open(call='c1', origin='phone')
    assert cards.card('ana', ringing('c1')).quota == Quota('noviembre', '1 de 10, quedan 9', None)
    opened(desk, 7)
    assert cards.card('ana', ringing('c1')).quota == Quota('noviembre', '1 de 10, quedan 9', None)
    seconds[0] += 5
    card = cards.card('ana', ringing('c1'))
    assert card.quota == Quota('noviembre', '8 de 10, quedan 2', 80) and card.month_count is None
    shown = state_of(SeatFacts('ana', None, True, None, card, True), load(EXAMPLE), NOW)['card']
    assert 'Cuota de noviembre' in shown and '8 de 10, quedan 2' in shown and 'Folios del mes' not in shown
    desk.site = site()
    assert Cards(db, lambda: desk.site, lambda: NOW).card('ana', ringing('c1')).quota is None


def test_a_card_does_without_the_quota_when_it_cannot_be_read(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from storage.engine import DatabaseUnavailable

    def fails(*_: Any) -> Meter:
        raise DatabaseUnavailable('too slow')
    desk = Desk(db, contracted())
    number = desk.open(call='c1', origin='phone')
    monkeypatch.setattr('desk.calls.cards.meter_of', fails)
    card = Cards(db, lambda: desk.site, lambda: NOW).card('ana', ringing('c1'))
    assert (card.folio, card.quota, card.trouble) == (number, None, '')


# --- the command ------------------------------------------------------------------------------------------------------------

@pytest.fixture
def metered(mesa: Mesa, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:      # noqa: F811
    """The command line on a site whose first client has a contract."""
    from callcenter.reading import Reading
    usual = Reading.site

    def with_contract(reading: Reading) -> Site:
        found = usual(reading)
        nopalera = replace(found.clients['nopalera'], contract=Contract(terms=(TEN,)))
        return replace(found, clients={**found.clients, 'nopalera': nopalera})
    monkeypatch.setattr(Reading, 'site', with_contract)
    return mesa


def test_mesa_allowance(metered: Mesa) -> None:
    said = ('folio', 'open', '--client', 'nopalera', '--user', '10001', '--summary', 'x', *AS_ANA)
    spam, *_ = [metered(*said).json['number'] for _ in range(3)]
    assert metered('folio', 'cancel', spam, '--reason', 'publicidad', '--cause', 'spam', '--by', 'ana').code == 0
    told = metered('allowance', 'nopalera', '--json').json
    standard = next(line for line in told['clients'][0]['modalities'] if line['modality'] == 'standard')
    assert standard == {'modality': 'standard', 'allowance': 10, 'counted': 2, 'left': 8, 'above': 0, 'percent': '20.0', 'threshold': None,
                        'not_counted': {'spam': 1}}
    out = metered('allowance', 'nopalera', '--month', '2026-11', '--folios').out
    assert '20.0 %' in out and '1 no eran solicitudes' in out and 'cancelado: no era una solicitud' in out
    assert metered('allowance', 'nopalera', '--month', '2026-10', '--folios', '--json').json['clients'][0]['requests'] == []
    assert 'quetzal' in metered('allowance').out and metered('allowance', 'show', 'nopalera').code == 0


def test_mesa_allowance_decide(metered: Mesa) -> None:
    number = metered('folio', 'open', '--client', 'nopalera', '--user', '10001', '--summary', 'x', *AS_ANA).json['number']
    supervisor = next(agent.login for agent in load(EXAMPLE).agents.values() if agent.supervisor)
    refused = metered('allowance', 'decide', number, '--not', '--reason', 'de cortesía', '--by', 'ana')
    assert refused.code == 1 and 'no supervisor' in refused.err
    done = metered('allowance', 'decide', number, '--not', '--reason', 'de cortesía', '--by', supervisor)
    assert f'Folio {number} does not count: decisión de {supervisor} del 24/11/2026: de cortesía' in done.out
    assert metered('folio', 'show', number, '--json').json['counts'] is False
    assert 'de cortesía' in metered('folio', 'show', number).out
    assert metered('allowance', 'decide', number, '--reason', 'x', '--by', supervisor).code == 2
    assert metered('allowance', 'decide', '1', '--not', '--reason', 'x', '--by', supervisor).code == 1


def test_mesa_allowance_refuses_what_is_not_there(metered: Mesa) -> None:
    assert 'No client is called' in metered('allowance', 'nobody').err
    wrong = metered('allowance', '--month', '2026-13')
    assert wrong.code == 2 and 'Write it like 2026-10' in wrong.err
