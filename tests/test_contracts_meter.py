"""What the books say that a client asked for: every source, its verdict, and the same count by both ways (mission.md 7.1)."""
from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError

from callcenter.folio_loader import LAST_MONTH, Past, load
from config.terms import Contract, Counted, OverageRule, Terms
from config.values import Modality, Site
from contracts.counting import NOT_METERED, Request
from contracts.meter import counting, counts, meter_of, metered_verdict, month_uses, requests, that_count, usage, verdict_on
from contracts.months import Month
from fax.tables import faxes
from storage.engine import Database
from tests.lives import DAY, HOUR, MEXICO, MINUTE, NOW, PREMIUM, Desk, site
from tests.test_ticketing_lists import plan, statements
from ticketing.folios import EntryKind
from ticketing.limits import KEPT, StatusGuard
from ticketing.tables import count_decisions, folio_entries, folios, outbound_calls, status_inquiries
from ticketing.values import NotAllowed, UnknownFolio

NOVEMBER, OCTOBER = Month(2026, 11), Month(2026, 10)
STANDARD = Modality.STANDARD
AGREED = Terms(STANDARD, date(2026, 1, 1), allowance=10)


def contracted(*counted: Counted, **facts: Any) -> Site:
    contract = Contract(**({'terms': (replace(AGREED, counted=frozenset(counted)),)} | facts))
    return site(contract=contract)


def of_month(desk: Desk, month: Month = NOVEMBER) -> tuple[Request, ...]:
    with desk.db.read() as connection:
        found = requests(connection, desk.site, 'acme', month)
        told = counts(connection, desk.site, 'acme', month, month)
        assert counting(connection, desk.site, 'acme', month) == that_count(found)
    assert that_count(found) == {request.reference: request.modality for request in found if request.counts}
    assert sum(told.values()) == sum(request.counts for request in found)
    return found


def told(found: Sequence[Request]) -> dict[str, tuple[str | None, bool]]:
    return {request.reference: (str(request.kind) if request.kind else None, request.counts) for request in found}


def abandoned(desk: Desk, call: str, at: datetime = NOW, **facts: Any) -> str:
    number = desk.open(at, call=call, origin='phone', **facts)
    desk.book.mark_abandoned(call, at + MINUTE)
    return number


def test_a_folio_counts_once_in_the_local_month_in_which_it_was_opened(db: Database) -> None:
    desk = Desk(db, contracted())
    last_second = datetime(2026, 11, 1, tzinfo=MEXICO) - timedelta(seconds=1)
    old, new = desk.open(last_second), desk.open(last_second + timedelta(seconds=1))
    desk.life.resolve(old, solution='listo', by='ana', now=NOW)
    assert told(of_month(desk, OCTOBER)) == {f'folio:{old}': (None, True)}
    assert told(of_month(desk)) == {f'folio:{new}': (None, True)}
    with db.read() as connection:
        assert counts(connection, desk.site, 'acme', Month(2026, 9), NOVEMBER) == {
            (month, modality): int(modality is STANDARD and month != Month(2026, 9))
            for month in (Month(2026, 9), OCTOBER, NOVEMBER) for modality in (STANDARD, Modality.PREMIUM)}
        assert counts(connection, desk.site, 'globex', NOVEMBER, NOVEMBER) == {
            (NOVEMBER, STANDARD): 0, (NOVEMBER, Modality.PREMIUM): 0}
        assert requests(connection, desk.site, 'nobody', NOVEMBER) == ()


def test_what_does_not_count_and_what_makes_it_count(db: Database) -> None:
    desk = Desk(db, contracted())
    kept, double, spam, ours, gone = (desk.open() for _ in range(5))
    desk.life.merge(double, kept, by='ana', now=NOW)
    desk.life.cancel(spam, reason='publicidad', cause='spam', by='ana', now=NOW)
    desk.life.cancel(ours, reason='prueba', cause='our_error', by='ana', now=NOW)
    desk.life.cancel(gone, reason='ya no lo necesita', by='ana', now=NOW)
    lost = abandoned(desk, 'lost')
    expected = {kept: (None, True), double: ('duplicate', False), spam: ('spam', False), ours: ('our_error', False), gone: (None, True),
                lost: ('abandoned', False)}
    assert told(of_month(desk)) == {f'folio:{number}': verdict for number, verdict in expected.items()}
    for kind in (Counted.DUPLICATE, Counted.SPAM, Counted.OUR_ERROR, Counted.ABANDONED):
        desk.site = contracted(kind)
        assert [str(request.kind) for request in of_month(desk) if request.counts and request.kind] == [kind]


def test_the_user_is_not_told_of_spam_and_the_class_stands_in_the_folio(db: Database) -> None:
    desk = Desk(db)
    spam, ours = desk.open(), desk.open()
    assert desk.life.cancel(spam, reason='publicidad', cause='spam', by='ana', now=NOW).cancel_cause == 'spam'
    assert desk.life.cancel(ours, reason='prueba', cause='our_error', by='ana', now=NOW).cancel_cause == 'our_error'
    assert [letter.key.split(':')[1] for letter in desk.letters('cancelled')] == [ours]
    assert desk.last(ours)[1] == 'cancelado por error nuestro: prueba'
    assert desk.get(spam).cancel_cause == 'spam'
    other = desk.open()
    with pytest.raises(NotAllowed, match='user, spam, our_error'):
        desk.life.cancel(other, reason='x', cause='whim', by='ana', now=NOW)


def test_an_abandoned_call_is_followed_up_by_us_or_by_the_user(db: Database) -> None:
    desk = Desk(db, contracted())
    later = NOW + HOUR
    started, assigned, called, wrote, spoke, taken_in_vain, noted, answered = (abandoned(desk, f'c{n}') for n in range(8))
    desk.life.start(started, by='ana', now=later)
    desk.life.assign(assigned, agent='ana', by='sara', now=later)
    desk.book.tie_call(called, 'again', later)
    desk.life.assign(taken_in_vain, agent='ana', by='ana', now=later)
    desk.life.cancel(taken_in_vain, reason='no contesta', by='ana', now=later)
    desk.life.note(noted, text='colgó', by='ana', now=later)
    desk.book.mark_answered('c7', 'ana', later)                          # the journal brought it late
    with db.write() as connection:
        ids = {row.number: row.id for row in connection.execute(select(folios.c.number, folios.c.id))}
        for number, kind, by in ((wrote, EntryKind.EMAIL_IN, 'user'), (spoke, EntryKind.MESSAGE, 'caller'),
                                 (noted, EntryKind.EMAIL_IN, 'email')):
            connection.execute(insert(folio_entries).values(folio_id=ids[number], at=later, kind=kind.value, by=by, text='x'))
        connection.execute(insert(folio_entries).values(        # what was said before he hung up is no coming back
            folio_id=ids[noted], at=NOW, kind=EntryKind.MESSAGE.value, by='caller', text='x'))
    verdicts = told(of_month(desk))
    assert verdicts[f'folio:{taken_in_vain}'] == verdicts[f'folio:{noted}'] == ('abandoned', False)
    assert {reference.removeprefix('folio:') for reference, (_, counted) in verdicts.items() if counted} == {
        started, assigned, called, wrote, spoke, answered}


def test_a_decision_holds_until_a_newer_one_and_is_told_in_the_timeline(db: Database) -> None:
    desk = Desk(db, contracted())
    kept, double = desk.open(), desk.open()
    desk.life.merge(double, kept, by='ana', now=NOW)
    version = desk.get(double).version
    desk.life.decide_count(double, counts=True, reason='eran dos fallas', by='sara', now=NOW)
    desk.life.decide_count(kept, counts=False, reason='de cortesía', by='sara', now=NOW)
    assert told(of_month(desk)) == {f'folio:{kept}': (None, False), f'folio:{double}': ('duplicate', True)}
    assert desk.last(kept) == ('counted', 'no cuenta para la cuota: de cortesía', 'sara')
    assert desk.get(double).version == version
    desk.life.decide_count(kept, counts=True, reason='sí cuenta', by='sara', now=NOW + DAY)
    found = {request.folio: request.reason for request in of_month(desk)}
    assert found == {kept: 'decisión de sara del 25/11/2026: sí cuenta', double: 'decisión de sara del 24/11/2026: eran dos fallas'}
    with db.read() as connection:
        assert connection.scalar(select(count_decisions.c.id).order_by(count_decisions.c.id.desc())) == 3
    for statement in ('DELETE FROM count_decisions', 'UPDATE count_decisions SET counts = NOT counts'):
        with pytest.raises(DBAPIError, match='never'), db.write() as connection:
            connection.execute(text(statement))


def test_who_may_decide(db: Database) -> None:
    desk = Desk(db, contracted())
    number = desk.open()
    with pytest.raises(NotAllowed, match='ana is no supervisor; there are: sara'):
        desk.life.decide_count(number, counts=False, reason='x', by='ana', now=NOW)
    with pytest.raises(NotAllowed, match='reason'):
        desk.life.decide_count(number, counts=False, reason=' ', by='sara', now=NOW)
    with pytest.raises(UnknownFolio):
        desk.life.decide_count('1', counts=False, reason='x', by='sara', now=NOW)
    assert told(of_month(desk)) == {f'folio:{number}': (None, True)}


def put_everything_beside(desk: Desk) -> str:
    """One of each thing that is no folio of its own, and beside each something that is none at all."""
    number = desk.open()
    desk.book.tie_call(number, 'again', NOW)                             # a continuation
    desk.life.resolve(number, solution='listo', by='ana', now=NOW)
    desk.life.reopen(number, reason='sigue igual', by='user', now=NOW, via='call')
    guard = StatusGuard(desk.db)
    assert guard.allow('+525555550101', NOW, 1, told=number)
    assert not guard.allow('+525555550101', NOW, 1, told=number)         # refused: nothing was told
    assert guard.allow('+525555550102', NOW, 1)                          # allowed, but there was no such folio
    with desk.db.write() as connection:
        folio_id = connection.scalar(select(folios.c.id).where(folios.c.number == number))
        for n, (kind, outcome) in enumerate((('close_call', 'confirmed'), ('close_call', 'busy'), ('close_call', None),
                                             ('call_back', 'accepted'))):
            connection.execute(insert(outbound_calls).values(
                linkedid=f'out-{n}', kind=kind, owner_id=1, folio_id=folio_id, client='acme', number=f'+5255555501{n:02}',
                started_at=NOW, ended_at=NOW, outcome=outcome))
        for n, (state, client) in enumerate((('sent', 'acme'), ('held', 'acme'), ('rejected', 'acme'), ('sent', 'globex'))):
            connection.execute(insert(faxes).values(
                id=n + 1, reference=f'F{n}', file=f'{n}.tif', sha256=str(n), size=1, line='+528005550105', client=client, caller_number='',
                caller_name='', called_number='', device='', commid='', reason='', received_at=NOW, state=state, damage=[]))
    return number


BESIDE = {Counted.CONTINUATION: 1, Counted.REOPEN: 1, Counted.STATUS: 1, Counted.CLOSE_CALL: 1, Counted.FAX: 2}


def test_what_is_no_folio_of_its_own_does_not_count(db: Database) -> None:
    desk = Desk(db, contracted())
    number = put_everything_beside(desk)
    found = of_month(desk)
    assert Counter(request.kind for request in found) == {None: 1, **BESIDE}
    assert [request.reference for request in found if request.counts] == [f'folio:{number}']
    assert {request.reference for request in found if request.kind in (Counted.FAX, Counted.CLOSE_CALL)} == {
        'fax:F0', 'fax:F1', 'close_call:out-0'}
    assert {request.folio for request in found} == {number, None}
    assert len({request.reference for request in found}) == len(found)


@pytest.mark.parametrize('kind', BESIDE)
def test_each_of_them_counts_where_the_contract_says_so(db: Database, kind: Counted) -> None:
    desk = Desk(db, contracted(terms=(replace(AGREED, counted=frozenset({kind})), Terms(
        Modality.FAX, date(2026, 1, 1), allowance=5, counted=frozenset({kind})))))
    put_everything_beside(desk)
    found = of_month(desk)
    assert Counter(request.kind for request in found if request.counts) == {None: 1, kind: BESIDE[kind]}


def test_a_letter_that_opens_a_folio_does_not_continue_it(db: Database) -> None:
    desk = Desk(db, contracted(Counted.CONTINUATION))
    number = desk.open(origin='email')
    with db.write() as connection:
        folio_id = connection.scalar(select(folios.c.id).where(folios.c.number == number))
        for at in (NOW, NOW + MINUTE):
            connection.execute(insert(folio_entries).values(folio_id=folio_id, at=at, kind='email_in', by='user', text='x'))
    assert Counter(request.kind for request in of_month(desk)) == {None: 1, Counted.CONTINUATION: 1}


def test_an_inquiry_is_kept_when_its_telephone_is_forgotten(db: Database) -> None:
    desk = Desk(db, contracted())
    number, guard = desk.open(), StatusGuard(db)
    guard.allow('+525555550101', NOW, 5, told=number)
    guard.allow('+525555550101', NOW, 5)
    guard.allow('+525555550102', NOW + KEPT + MINUTE, 5)
    with db.read() as connection:
        assert connection.execute(select(status_inquiries.c.key, status_inquiries.c.told_folio.is_not(None)).order_by(
            status_inquiries.c.id)).all() == [('', True), ('+525555550102', False)]
    assert Counter(request.kind for request in of_month(desk)) == {None: 1, Counted.STATUS: 1}


def test_terms_hold_from_their_day_on(db: Database) -> None:
    early, late = date(2026, 1, 1), date(2026, 11, 16)
    desk = Desk(db, contracted(terms=(replace(AGREED, since=early), replace(AGREED, since=late, counted=frozenset({Counted.SPAM})))))
    eve = datetime(2026, 11, 15, 23, 59, tzinfo=MEXICO)
    before, after = desk.open(eve), desk.open(eve + MINUTE)
    for number in (before, after):
        desk.life.cancel(number, reason='publicidad', cause='spam', by='ana', now=NOW)
    assert told(of_month(desk)) == {f'folio:{before}': ('spam', False), f'folio:{after}': ('spam', True)}


def test_days_that_bring_nothing_to_the_allowance_use_nothing_of_it(db: Database) -> None:
    unmetered, metered = replace(AGREED, allowance=None), replace(AGREED, since=date(2026, 11, 16))
    desk = Desk(db, contracted(terms=(unmetered, metered)))
    before, after = desk.open(datetime(2026, 11, 15, 12, tzinfo=MEXICO)), desk.open(NOW)
    premium = desk.open(NOW, line=PREMIUM, modality='premium')
    found = {request.folio: (request.counts, request.reason) for request in of_month(desk)}
    assert found == {before: (False, NOT_METERED), after: (True, 'solicitud confirmada'), premium: (True, 'solicitud confirmada')}
    desk.site = contracted(terms=(unmetered, metered), pro_rata='whole')
    assert all(request.counts for request in of_month(desk))
    desk.site = contracted(terms=(AGREED,), since=date(2026, 11, 16))
    assert not next(request for request in of_month(desk) if request.folio == before).counts
    desk.site = contracted(terms=(AGREED,), until=date(2026, 11, 23))
    assert [request.folio for request in of_month(desk) if request.counts] == [before, premium]


def test_one_folio_asks_the_same_rule(db: Database) -> None:
    desk = Desk(db, contracted())
    lost, premium = abandoned(desk, 'lost'), desk.open(line=PREMIUM, modality='premium')
    with db.read() as connection:
        known = {request.folio: request for request in requests(connection, desk.site, 'acme', NOVEMBER)}
        assert verdict_on(connection, desk.site, lost) == known[lost]
        assert metered_verdict(connection, desk.site, lost) == verdict_on(connection, desk.site, lost)
        assert metered_verdict(connection, desk.site, premium) is None           # nothing is metered there
        assert verdict_on(connection, desk.site, '1') is None and metered_verdict(connection, desk.site, '1') is None


def test_a_month_by_modality(db: Database) -> None:
    desk = Desk(db, contracted())
    for _ in range(3):
        desk.open()
    abandoned(desk, 'lost')
    desk.open(line=PREMIUM, modality='premium')
    with db.read() as connection:
        standard, premium = usage(connection, desk.site, 'acme', NOVEMBER)
        assert meter_of(connection, desk.site, 'acme', STANDARD, NOVEMBER).told == '3 de 10, quedan 7'
        assert meter_of(connection, desk.site, 'acme', Modality.PREMIUM, NOVEMBER).told == ''
    assert (standard.modality, standard.meter.told, standard.not_counted) == (STANDARD, '3 de 10, quedan 7', {Counted.ABANDONED: 1})
    assert (premium.meter.allowance, premium.meter.requests, premium.not_counted) == (None, 1, {})


def test_the_months_that_overage_is_told_from(db: Database) -> None:
    cheap, dear = replace(AGREED, overage_price=10, overage=OverageRule()), replace(AGREED, since=date(2026, 11, 20), overage_price=12)
    desk = Desk(db, contracted(terms=(cheap, dear)))
    desk.open()
    with db.read() as connection:
        october, november = month_uses(connection, desk.site, 'acme', STANDARD, OCTOBER, NOVEMBER)
    assert (october.allowance, october.requests, october.price) == (10, 0, 10)
    assert (november.allowance, november.requests, november.price) == (10, 1, 12)


@pytest.mark.parametrize('seed', range(4))
def test_counting_by_groups_and_one_by_one_say_the_same(db: Database, seed: int) -> None:
    """Folios in every state, some abandoned, some decided, over two months and a change of terms."""
    dice = random.Random(seed)
    kinds = list(Counted)
    terms = tuple(Terms(modality, since, allowance=dice.choice((None, 0, 50)), counted=frozenset(dice.sample(kinds, 3)))
                  for modality in (STANDARD, Modality.PREMIUM) for since in (date(2026, 1, 1), date(2026, 11, dice.randint(2, 28))))
    desk = Desk(db, contracted(terms=terms))
    numbers = [desk.open(datetime(2026, 10, 20, tzinfo=UTC) + dice.random() * 35 * DAY, call=f'c{n}', origin='phone', **dice.choice(
        ({}, {'line': PREMIUM, 'modality': 'premium'}))) for n in range(60)]
    with db.write() as connection:
        for number in numbers:
            cause = dice.choice(('user', 'spam', 'our_error', None))
            connection.execute(update(folios).where(folios.c.number == number).values(**dice.choice((
                {'agent': None}, {'agent': 'ana'}, {'abandoned_at': NOW}, {'abandoned_at': NOW, 'agent': 'ana'},
                {'duplicate_of': '1', 'state': 'cancelled'}, {'state': 'cancelled', 'cancel_cause': cause}))))
    for number in dice.sample(numbers, 10):
        desk.life.decide_count(number, counts=dice.random() < 0.5, reason='x', by='sara', now=NOW)
    for month in (OCTOBER, NOVEMBER):
        by_modality = Counter(request.modality for request in of_month(desk, month) if request.counts)
        with db.read() as connection:
            found = counts(connection, desk.site, 'acme', month, month)
        assert by_modality == {modality: many for (_, modality), many in found.items() if many}


def test_a_month_is_found_through_indexes_however_many_folios_there_were(empty_url: str) -> None:
    load(empty_url, Past.of(10_000, 200))
    database, month = Database(empty_url, patience_s=20.0), Month(*LAST_MONTH)
    acme = contracted(*Counted).clients['acme']
    known = replace(site(), clients={'nopalera': replace(acme, key='nopalera')})
    with statements() as seen, database.read() as connection:
        assert counts(connection, known, 'nopalera', month, month)[month, STANDARD] == sum(
            request.counts for request in requests(connection, known, 'nopalera', month) if request.modality is STANDARD)
    read = [(statement, parameters) for statement, parameters in seen if statement.startswith('SELECT')]
    assert len(read) > 10
    if database.dialect == 'sqlite':
        for statement, parameters in read:
            told = plan(database, statement, parameters)
            assert 'SCAN' not in told.replace('SCAN count_decisions', ''), (statement, told)
            assert 'folio_entries_of_folio' not in told, told
    else:
        assert all('Seq Scan on folios' not in plan(database, *one) for one in read if 'FROM folios' in one[0])
    database.close()
