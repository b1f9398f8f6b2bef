"""Real calls by a real telephone to the real Asterisk: every way through the menus, who calls, and when (mission.md chapter 3)."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from queue import SimpleQueue

import pytest
from sqlalchemy import select

from callcenter.caller import Caller
from callcenter.following import Answered, Ended
from callcenter.listening import AmiEvent, ManagerLink
from callcenter.outcome import Outcome
from storage.engine import Database
from tests.real.callers import (
    FOREIGN,
    NOPALERA,
    NOPALERA_PREMIUM,
    NOPALERA_TRUNK,
    NOPALERA_VIP,
    QUETZAL,
    QUETZAL_PREMIUM,
    QUETZAL_TRUNK,
    SHARED_PHONE,
    Books,
    Where,
    calls,
    clock_at,
    eventually,
    follow,
    hang_up_at,
    loudness,
    override,
    phone_of,
    prompt,
    prompts,
    queued,
    recording,
    silences,
    together,
    unused_number,
    words,
)
from tests.real.instance import RealMesa
from tests.real.phones import call, caller, exchange
from tests.real.raw_phone import RawPhone
from ticketing import damm
from ticketing.folios import EntryKind, State
from ticketing.tables import status_inquiries

CATEGORIES = {'mail': 'Correo electrónico', 'office': 'Office', 'own': 'Sistemas propios de la empresa'}


@pytest.fixture
def books(mesa: RealMesa) -> Iterator[Books]:
    kept = Books(mesa)
    yield kept
    kept.close()


# --- the menu, open (mission.md 3.3, 3.8) ------------------------------------------------------------------------------

def test_a_new_incident_by_category_with_and_without_a_spoken_description(mesa: RealMesa, books: Books) -> None:
    told, refused, silent, unnamed = books.strangers(4)
    spoke, no_thanks, nothing, vague = calls(
        mesa,
        (NOPALERA, phone_of(told), '1,3,1,1,#,2'),
        (NOPALERA_PREMIUM, phone_of(refused), '1,8,1,9,2'),
        (NOPALERA, phone_of(silent), '1,1,2,2'),
        (NOPALERA, phone_of(unnamed), '1,#,#,2,2'))
    for outcome, user, category, queue, modality in (
            (spoke, told, 'mail', 'nopalera-standard', 'standard'), (no_thanks, refused, 'own', 'nopalera-premium', 'premium'),
            (nothing, silent, 'office', 'nopalera-standard', 'standard'), (vague, unnamed, None, 'nopalera-standard', 'standard')):
        assert (outcome.outcome, outcome.queue) == ('queued', queue)
        folio = books.folio(outcome.folio)
        report = folio.report
        assert (report.category, report.modality, report.employee_number, report.user_name) == (
            category, modality, user.employee_number, user.name)
        assert (report.call, report.identified_by, report.unlisted, report.origin) == (outcome.linkedid, 'caller_id', False, 'phone')
        assert folio.opened_at == report.clock_starts == datetime(2026, 11, 24, 16, tzinfo=UTC)
        assert folio.promised == datetime(2026, 11, 25, 2, tzinfo=UTC)      # ten open hours later: closing time, 20:00
        said = [f'categoría: {CATEGORIES[category]}'] if category else []
        assert [entry.text for entry in books.entries(outcome.folio, EntryKind.CATEGORY)] == said
        assert len(books.opened_by(outcome.linkedid)) == 1
        record = books.call(outcome.linkedid, outcome.folio)
        assert (record.queue, record.priority, record.disposition, record.folio) == (queue, 0, 'abandoned', outcome.folio)

    seconds, rms = loudness(books.recording(spoke.folio, EntryKind.DESCRIPTION))
    assert 1.2 < seconds < 3.0                         # he spoke for 2.5 s, the first of them over the tone
    assert rms > 2000
    notice, described = prompts(spoke).index('mesa/privacy'), prompts(spoke).index('mesa/describe-now')
    assert notice < described
    assert books.privacy(spoke.folio) == [('mesa/privacy', 'aceptado')]
    assert 'Su descripción quedó guardada. Su número de folio es:' in words(spoke)

    assert books.privacy(no_thanks.folio) == [('mesa/privacy', 'rechazado')]
    assert 'mesa/privacy-refused' in prompts(no_thanks)
    for outcome in (no_thanks, nothing, vague):
        assert 'mesa/describe-now' not in prompts(outcome)
        assert not list((mesa.root / 'messages').glob(f'{outcome.linkedid}-*'))
        assert not books.entries(outcome.folio, EntryKind.DESCRIPTION)


def test_an_agent_at_once_the_number_again_and_keys_that_lead_nowhere(mesa: RealMesa, books: Books) -> None:
    users = books.strangers(3)
    at_once, again, lost = calls(
        mesa, (NOPALERA, phone_of(users[0]), '0,2'), (NOPALERA, phone_of(users[1]), '0,1,1,2'),
        (NOPALERA, phone_of(users[2]), '7,*,9,2'))
    for outcome in (at_once, again, lost):
        assert (outcome.outcome, outcome.queue) == ('queued', 'nopalera-standard')
        assert books.folio(outcome.folio).report.category is None
    assert prompts(at_once)[0] == 'site/nopalera-greeting'
    assert prompts(at_once).count('mesa/your-folio') == 1

    assert prompts(again).count('mesa/again-folio') == 2
    digits = [name.removeprefix('digits/') for name in prompts(again) if name.startswith('digits/')]
    assert ''.join(digits) == again.folio * 3 if again.folio else False

    assert prompts(lost).count('mesa/menu-again') == 2
    assert words(lost).count('Como no recibimos su selección, le comunicamos con un agente.') == 1
    assert 'mesa/menu-continue' not in prompts(lost)


def test_going_on_with_an_open_folio_opens_no_other(mesa: RealMesa, books: Books) -> None:
    one, none = books.strangers(2)
    older, other = calls(mesa, (NOPALERA, phone_of(one), '1,2,2,2'), (NOPALERA, phone_of(none), '0,2'))
    newer = call(mesa.instance, NOPALERA, phone_of(one), '0,2', wait_s=0.2)
    goes_on, skips, stays_out = calls(
        mesa, (NOPALERA_PREMIUM, phone_of(one), '3,2,1'), (NOPALERA, phone_of(none), '3,2,0,2'), (NOPALERA, phone_of(none), '2,#,#,#,2'))

    assert (goes_on.outcome, goes_on.queue, goes_on.folio) == ('queued', 'nopalera-premium', older.folio)
    assert 'Para continuar con un folio que ya tiene abierto, marque tres.' in words(goes_on)
    assert [numbers for numbers in prompts(goes_on) if numbers == 'mesa/my-folio-is'] == ['mesa/my-folio-is'] * 2    # the newest first
    assert words(goes_on).index(' '.join(newer.folio or '?')) < words(goes_on).index(' '.join(older.folio or '?'))
    assert 'Continuamos con su folio. En un momento le comunicamos con un agente.' in words(goes_on)
    assert books.opened_by(goes_on.linkedid) == []
    assert [entry.call for entry in books.entries(older.folio, EntryKind.CALL)] == [goes_on.linkedid]
    assert books.call(goes_on.linkedid, older.folio).disposition == 'abandoned'
    eventually(lambda: books.entries(older.folio, EntryKind.ABANDONED), lambda found: len(found) == 2, 'both calls in the timeline')

    assert 'No hay más folios abiertos a su nombre.' in words(skips)
    assert skips.folio not in (other.folio, None)
    assert len(books.opened_by(skips.linkedid)) == 1
    assert stays_out.folio not in (other.folio, skips.folio, None)


# --- status (mission.md 3.4) -------------------------------------------------------------------------------------------

def test_status_tells_one_s_own_and_nothing_of_others(mesa: RealMesa, books: Books) -> None:
    owner, asker = books.strangers(2)
    (foreigner,) = books.strangers(1, 'quetzal')
    own, foreign = calls(mesa, (NOPALERA, phone_of(owner), '1,3,2,2'), (QUETZAL, phone_of(foreigner), '0,2'))
    assert own.folio and foreign.folio
    wrong_digit = own.folio[:3] + str((int(own.folio[3]) + 1) % 10) + own.folio[4:]
    swapped = own.folio[:-2] + own.folio[-1] + own.folio[-2]
    told, of_another, unknown, mistyped, then_agent = calls(
        mesa,
        (NOPALERA, phone_of(asker), f'2,{own.folio},9'),
        (NOPALERA, phone_of(asker), f'2,{foreign.folio},{own.folio},9'),
        (NOPALERA, phone_of(asker), f'2,{unused_number(1)},{own.folio},9'),
        (NOPALERA, phone_of(asker), f'2,{wrong_digit},{swapped if swapped != own.folio else wrong_digit},{own.folio},9'),
        (NOPALERA, phone_of(asker), f'2,{own.folio},0,2'))
    told_so = (f'El folio: {" ".join(own.folio)} está registrado y en espera de ser asignado. Su prioridad es media. '
               'Todavía no tiene un responsable. La fecha compromiso es: martes 24 de noviembre a las 8 de la noche.')
    assert told_so in words(told)
    assert told.outcome == of_another.outcome == unknown.outcome == mistyped.outcome == 'goodbye'
    assert prompts(of_another) == prompts(unknown)
    assert prompts(of_another).count('mesa/folio-not-found') == 1
    assert prompts(mistyped).count('mesa/folio-mistyped') == 2
    assert 'mesa/folio-not-found' not in prompts(mistyped)
    for outcome in (told, of_another, unknown, mistyped):
        assert words(outcome).endswith('Gracias por llamar. Hasta luego.')
        assert outcome.folio is None
        assert books.folio_of(outcome.linkedid) is None
        note, record = books.note(outcome.linkedid), books.call(outcome.linkedid)
        assert note is not None
        assert (note.employee_number, note.last_prompt, record.disposition) == (asker.employee_number, 'mesa/goodbye', 'goodbye')
    assert (then_agent.outcome, then_agent.queue) == ('queued', 'nopalera-standard')
    assert then_agent.folio not in (own.folio, None)
    assert books.folio(then_agent.folio).report.employee_number == asker.employee_number


def test_three_wrong_numbers_lead_to_an_agent_or_to_goodbye(mesa: RealMesa, books: Books) -> None:
    one, other = books.strangers(2)
    unknown = [damm.with_check(str(seed)) + '#' for seed in (31, 32, 33)]
    to_agent = call(mesa.instance, NOPALERA, phone_of(one), f'2,{unknown[0]},{unknown[1][:-2]}#,{unknown[2]},2', wait_s=0.2)
    assert (to_agent.outcome, to_agent.queue) == ('queued', 'nopalera-standard')
    assert [name for name in prompts(to_agent) if name in ('mesa/folio-mistyped', 'mesa/folio-not-found')] == [
        'mesa/folio-not-found', 'mesa/folio-mistyped', 'mesa/folio-not-found']
    assert books.folio(to_agent.folio).report.employee_number == one.employee_number
    with clock_at(mesa, '2026-11-24T21:00'):
        farewell = call(mesa.instance, NOPALERA, phone_of(other), '2,' + ','.join(unknown))
    assert (farewell.outcome, farewell.folio) == ('goodbye', None)
    assert prompts(farewell)[-2:] == ['mesa/folio-not-found', 'mesa/goodbye']


def test_guessing_is_limited_by_telephone_and_by_line_for_a_trunk(mesa: RealMesa, books: Books) -> None:
    """Quetzal allows ten numbers an hour. What a trunk's callers ask counts for the line, and for no other line or telephone."""
    one, other = books.strangers(2, 'quetzal')
    own = call(mesa.instance, QUETZAL, phone_of(one), '0,2', wait_s=0.2)
    guesses = [damm.with_check(str(seed)) + '#' for seed in range(1, 13)]
    four_calls = ['2,' + ','.join((*guesses[first:first + 3], '2')) for first in (0, 3, 6, 9)]
    by_phone, by_trunk = together(
        lambda: calls(mesa, *((QUETZAL, phone_of(one), keys) for keys in four_calls)),
        lambda: calls(mesa, *((QUETZAL_PREMIUM, QUETZAL_TRUNK, f'#,#,#,{keys}') for keys in four_calls)))
    for outcomes in (by_phone, by_trunk):              # at the same time, and not one guess too many is answered
        told = [name for outcome in outcomes for name in prompts(outcome)]
        assert told.count('mesa/folio-not-found') == 10
        assert {outcome.outcome for outcome in outcomes} == {'queued'}      # the limit keeps nobody from an agent
    same_phone, same_trunk, another_phone, another_line, anonymous = calls(
        mesa, (QUETZAL_PREMIUM, phone_of(one), f'2,{own.folio},2'),
        (QUETZAL_PREMIUM, QUETZAL_TRUNK, f'{other.employee_number}#,2,{own.folio},2'),
        (QUETZAL, phone_of(other), f'2,{own.folio},9'),
        (QUETZAL, QUETZAL_TRUNK, f'#,#,#,2,{own.folio},9'),
        (QUETZAL_PREMIUM, 'anonymous', f'#,#,#,2,{guesses[0]},2'))
    for outcome in (same_phone, same_trunk, anonymous):
        assert 'Ha consultado muchos folios en poco tiempo.' in words(outcome)
        assert not {'mesa/folio-is', 'mesa/folio-not-found'} & set(prompts(outcome))
        assert outcome.queue == 'quetzal-premium'
    for outcome in (another_phone, another_line):
        assert 'mesa/folio-is' in prompts(outcome)
    inquiry = status_inquiries.c
    db = Database(mesa.database_url, patience_s=20.0)
    with db.read() as connection:
        keys = connection.scalars(select(inquiry.key).where(~inquiry.allowed)).all()
    db.close()
    assert keys.count(one.phones[0]) >= 2
    assert keys.count('+52' + QUETZAL_PREMIUM) >= 3


# --- overrides (mission.md 2.4) ----------------------------------------------------------------------------------------

def test_overrides_close_open_and_speak_for_a_while(mesa: RealMesa, books: Books) -> None:
    users = books.strangers(5)
    (director,) = books.strangers(1, vip=True)
    with override(mesa, NOPALERA, '--closed'), override(mesa, NOPALERA_PREMIUM, '--message', 'site/aviso-mantenimiento'):
        closed, speaking, vip_line = calls(
            mesa, (NOPALERA, phone_of(users[0]), '9'), (NOPALERA_PREMIUM, phone_of(users[1]), '0,2'),
            (NOPALERA_VIP, phone_of(director), '2'))
    assert closed.outcome == 'goodbye'
    assert words(closed).startswith('Por el momento la mesa de ayuda está cerrada de manera temporal. '
                                    'Abrimos de nuevo el martes 24 de noviembre a las 2 de la tarde.')
    assert (speaking.outcome, prompts(speaking)[:2]) == ('queued', ['site/aviso-mantenimiento', 'site/nopalera-greeting'])
    assert vip_line.outcome == 'queued'                # an override is its line's alone
    with clock_at(mesa, '2026-11-22T11:00'):
        done = mesa.mesa('line', 'override', NOPALERA, '--open', '--until', '2026-11-22T12:00')
        assert done.returncode == 0, done.stderr
        opened, not_opened = calls(mesa, (NOPALERA, phone_of(users[2]), '0,2'), (NOPALERA_PREMIUM, phone_of(users[3]), 'h'))
        assert mesa.mesa('line', 'override', NOPALERA, '--cancel').returncode == 0
    assert (opened.outcome, not_opened.outcome) == ('queued', 'hung_up')
    assert 'mesa/closed-weekend' in prompts(not_opened)
    assert 'mesa/menu-new' in prompts(call(mesa.instance, NOPALERA, phone_of(users[4]), 'h'))       # cancelled, and open again


# --- who calls (mission.md 3.1, 3.2) -----------------------------------------------------------------------------------

def test_who_calls(mesa: RealMesa, books: Books) -> None:
    by_phone, by_number, late, on_trunk, on_shared = books.strangers(5)
    (foreigner,) = books.strangers(1, 'quetzal')
    typed = f'{foreigner.employee_number}#'
    outcomes = calls(
        mesa,
        (NOPALERA, phone_of(by_phone), '0,2'),
        (NOPALERA, FOREIGN, f'{by_number.employee_number}#,0,2'),
        (NOPALERA, 'anonymous', f'99999#,#,{late.employee_number}#,0,2'),
        (NOPALERA, FOREIGN, '99999#,77#,*12#,0,2'),
        (NOPALERA, NOPALERA_TRUNK, f'{on_trunk.employee_number}#,0,2'),
        (NOPALERA, NOPALERA_TRUNK, '#,#,#,0,2'),
        (NOPALERA, SHARED_PHONE, f'{on_shared.employee_number}#,0,2'),
        (NOPALERA, SHARED_PHONE, '#,#,#,0,2'),
        (NOPALERA, phone_of(foreigner), f'{typed},{typed},{typed},0,2'),
        (NOPALERA, 'anonymous', '#,#,#,0,2'))
    known = (by_phone, by_number, late, None, on_trunk, None, on_shared, None, None, None)
    numbers = (by_phone.phones[0], '+52' + FOREIGN, None, '+52' + FOREIGN, '+52' + NOPALERA_TRUNK, '+52' + NOPALERA_TRUNK,
               '+52' + SHARED_PHONE, '+52' + SHARED_PHONE, foreigner.phones[0], None)
    for outcome, user, number in zip(outcomes, known, numbers, strict=True):
        assert (outcome.outcome, outcome.queue) == ('queued', 'nopalera-standard'), outcome
        report = books.folio(outcome.folio).report
        by = 'unknown' if user is None else 'caller_id' if user is by_phone else 'employee_number'
        assert (report.employee_number, report.user_name) == ((user.employee_number, user.name) if user else (None, None))
        assert (report.identified_by, report.unlisted, report.caller_number, report.client) == (by, user is None, number, 'nopalera')
        assert ('mesa/ask-employee-number' in prompts(outcome)) == (by != 'caller_id')
        assert ('mesa/employee-number-none' in prompts(outcome)) == (user is None)
        assert 'mesa/menu-continue' not in prompts(outcome)
    assert prompts(outcomes[3]).count('mesa/employee-number-wrong') == 3
    assert prompts(outcomes[9]).count('mesa/employee-number-wrong') == 0
    assert 'No encontramos ese número de empleado. Continuamos sin su número de empleado.' in words(outcomes[3])


HOSTILE = {
    'quotes': (rb'"a\"b\\\", \"c" <sip:5555557777@127.0.0.2>', '+525555557777'),
    'newline': (b'"x" <sip:5555557777%0d%0aAction:%20Originate@127.0.0.2>', '+525555557777'),
    'dialplan': (b'"${SYSTEM(touch ROOT/evaluated)}" <sip:%24%7BSYSTEM(touch%20ROOT/evaluated)%7D@127.0.0.2>', None),
    'expression': (b'"$[1/0]" <sip:1)%5D%24%5B1/0%5D,2,%22%60id%60@127.0.0.2>', None),
    'shell': (b'";touch ROOT/evaluated;`touch ROOT/evaluated`" <sip:$(touch+ROOT)%7C%60&5@127.0.0.2>', None),
    'sql': (b'"\' OR 1=1; DROP TABLE folios; --" <sip:\'%20OR%201=1--@127.0.0.2>', None),
    'long': (b'"' + b'A' * 1024 + b'" <sip:' + b'5' * 1024 + b'@127.0.0.2>', None),
    'bytes': (b'"\xff\xfe\xc3\x28\x1b[31m" <sip:55%1b%5b31m%ff%fe%00@127.0.0.2>', None),
    'empty': (b'<sip:127.0.0.2>', None),
    'asserted': (b'<sip:anonymous@anonymous.invalid>', None),
}


def raw_call(mesa: RealMesa, from_: bytes, keys: str, until: Where, headers: tuple[bytes, ...] = ()) -> str:
    """A call whose INVITE says what no honest telephone would; hung up where `until` says. The call's linkedid."""
    with Caller(exchange(mesa.instance), NOPALERA, 'anonymous', telephone=partial(RawPhone, from_=from_, headers=headers)) as line:
        line.dial()
        follow(line, keys, until)
        line.hang_up()
        line.finish()
        assert line.linkedid, line.told()
        return line.linkedid


def test_whatever_a_caller_calls_himself_he_is_served_and_nothing_is_evaluated(mesa: RealMesa, books: Books) -> None:
    def dialled(name: str) -> str:
        from_ = HOSTILE[name][0].replace(b'ROOT', str(mesa.root).encode())
        more = () if name != 'asserted' else (b'P-Asserted-Identity: "${SHELL(id)}" <sip:%22%0a${EVAL(x)}@127.0.0.2>',
                b'Diversion: "${SHELL(touch ' + str(mesa.root).encode() + b'/evaluated)}" <sip:%0a$%7BEXTEN%7D@127.0.0.2>;reason=unknown')
        return raw_call(mesa, from_, '#,#,#,0,2', queued, more)

    served = together(*(partial(dialled, name) for name in HOSTILE))
    for (name, (_, number)), linkedid in zip(HOSTILE.items(), served, strict=True):
        (folio,) = books.opened_by(linkedid)
        assert (folio.report.unlisted, folio.report.caller_number) == (True, number), name
        record = books.call(linkedid, folio.number)
        assert (record.disposition, record.line, record.queue) == ('abandoned', '+52' + NOPALERA, 'nopalera-standard'), name
    assert not (mesa.root / 'evaluated').exists()
    shown = mesa.mesa('calls').stdout.splitlines()
    assert all(line.isprintable() and '${' not in line for line in shown)
    assert sum('nopalera-standard' in line for line in shown) >= len(HOSTILE)
    assert mesa.json('status')['running'] is True
    assert 'Traceback' not in (mesa.root / 'log' / 'mesa.log').read_text()


def test_a_line_end_in_a_caller_s_number_forges_no_event_for_mesa(mesa: RealMesa) -> None:
    """Asterisk would write it into its manager events as it is; also for a number that is not in service."""
    from_ = b'<sip:5%0d%0aX%3a%201%0d%0a%0d%0aEvent%3a%20AgentConnect%0d%0aX%3a%201@127.0.0.2>'
    secret = mesa.instance.secrets(mesa.instance.site()).ami_mesa
    events: SimpleQueue[AmiEvent] = SimpleQueue()
    link = ManagerLink(mesa.place.bind, mesa.place.ports.ami, secret, events, 'mesa')
    try:
        for number in (NOPALERA, '8005550199'):
            phone = partial(RawPhone, from_=from_)
            with Caller(exchange(mesa.instance), number, 'anonymous', telephone=phone) as line:
                line.dial()
                line.expect(Answered if number == NOPALERA else Ended)
            while (event := events.get(timeout=10).fields).get('Event') != 'Hangup':
                assert event.get('Event') != 'AgentConnect', event
            assert event['CallerIDNum'] == '511', event
    finally:
        link.close()


def test_a_line_end_in_a_caller_s_number_forges_nothing_in_the_books(mesa: RealMesa, books: Books) -> None:
    """The line that he adds to Asterisk's event file says that somebody else has hung up, who still waits."""
    (other,) = books.strangers(1)
    with caller(mesa.instance, NOPALERA, phone_of(other)) as line:
        line.dial()
        follow(line, '0,2', queued)
        told = f'HANGUP,{int(time.time())}.000000,{line.uniqueid},{line.linkedid},,,,,,,,,,,,'
        forger = raw_call(mesa, f'<sip:5%0a{told}%0a5@127.0.0.2>'.encode(), '', prompt('mesa/ask-employee-number'))
        assert books.call(forger).disposition == 'hung_up'
        assert not books.is_over(line.linkedid)
        line.hang_up()
        line.finish()
        assert books.call(line.linkedid).disposition == 'abandoned'


# --- closed (mission.md 2.1, 2.2, 3.5) ---------------------------------------------------------------------------------

@pytest.mark.parametrize(('moment', 'why', 'opens'), [
    ('2026-11-24T07:59:59', 'En este momento la mesa de ayuda todavía no abre.', 'martes 24 de noviembre a las 8 de la mañana.'),
    ('2026-11-24T08:00:00', None, ''),
    ('2026-11-24T19:59:59', None, ''),
    ('2026-11-24T20:00:00', 'Nuestro horario terminó por hoy.', 'miércoles 25 de noviembre a las 8 de la mañana.'),
    ('2026-11-28T12:00:00', 'cerrada por ser fin de semana.', 'lunes 30 de noviembre a las 8 de la mañana.'),
    ('2026-12-25T09:00:00', 'cerrada por ser día festivo: Navidad.', 'lunes 28 de diciembre a las 8 de la mañana.'),
])
def test_hours_are_half_open_and_the_caller_hears_why_and_until_when(
        mesa: RealMesa, books: Books, moment: str, why: str | None, opens: str) -> None:
    (user,) = books.strangers(1)
    (director,) = books.strangers(1, vip=True)
    with clock_at(mesa, moment):
        menu, vip = calls(mesa, (NOPALERA, phone_of(user), 'h'), (NOPALERA_VIP, phone_of(director), 'h' if why else '2'))
    if why is None:
        assert prompts(menu)[:2] == ['site/nopalera-greeting', 'mesa/menu-new']
        assert (vip.outcome, vip.queue) == ('queued', 'nopalera-vip')
        return
    for outcome in (menu, vip):
        assert f'{why} Abrimos de nuevo el {opens} Para dejar un mensaje de voz' in words(outcome)
        assert outcome.folio is None
        assert books.folio_of(outcome.linkedid) is None


def test_each_line_keeps_its_own_clock(mesa: RealMesa, books: Books) -> None:
    """07:30 in Mexico City is 08:30 in Cancún, whose calendar Quetzal's premium line keeps."""
    one, other = books.strangers(2, 'quetzal')
    with clock_at(mesa, '2026-11-24T07:30'):
        standard, premium = calls(mesa, (QUETZAL, phone_of(one), 'h'), (QUETZAL_PREMIUM, phone_of(other), '0,2'))
    assert 'mesa/closed-early' in prompts(standard)
    assert premium.outcome == 'queued'
    with clock_at(mesa, '2026-11-24T19:30'):
        premium = call(mesa.instance, QUETZAL_PREMIUM, phone_of(other), 'h')
    assert 'Nuestro horario terminó por hoy. Abrimos de nuevo el miércoles 25 de noviembre a las 8 de la mañana.' in words(premium)


def test_a_voice_message_becomes_a_folio_whose_clock_starts_at_the_next_opening(mesa: RealMesa, books: Books) -> None:
    known, refuser, gone, hurried = books.strangers(4)
    opening = datetime(2026, 12, 28, 14, tzinfo=UTC)   # Monday 08:00

    def hangs_up(user_phone: str, keys: str, until: Callable[..., bool], speak_s: float) -> str:
        return hang_up_at(mesa, NOPALERA, user_phone, keys, until, speak_s)

    with clock_at(mesa, '2026-12-25T09:00'):
        outcomes = together(
            lambda: call(mesa.instance, NOPALERA, phone_of(known), '1,1,#,2'),
            lambda: call(mesa.instance, NOPALERA_PREMIUM, FOREIGN, '1,#,#,#,1,#,1,2'),
            lambda: call(mesa.instance, NOPALERA, phone_of(refuser), '1,9'),
            lambda: hangs_up(phone_of(gone), '1,1', recording, 2.0),
            lambda: hangs_up(phone_of(hurried), '1,1', recording, 0.0))
    message, stranger, refused, in_the_middle, said_nothing = outcomes
    assert isinstance(message, Outcome) and isinstance(stranger, Outcome) and isinstance(refused, Outcome)
    assert message.outcome == stranger.outcome == 'voice_message'
    assert 'Gracias. Su mensaje quedó registrado y lo atenderemos al abrir. Su número de folio es:' in words(message)
    assert prompts(message).index('mesa/privacy-message') < prompts(message).index('mesa/message-now')
    assert prompts(stranger).count('mesa/ask-employee-number') == 3
    linkedids = (str(message.linkedid), str(stranger.linkedid), str(in_the_middle))
    for linkedid, employee, line in zip(linkedids, (known, None, gone), (NOPALERA, NOPALERA_PREMIUM, NOPALERA), strict=True):
        record = eventually(lambda linkedid=linkedid: books.opened_by(linkedid), bool, f'a folio of {linkedid}')
        (folio,) = record
        report = folio.report
        assert (report.clock_starts, folio.opened_at) == (opening, datetime(2026, 12, 25, 15, tzinfo=UTC))
        assert folio.promised == datetime(2026, 12, 29, 0, tzinfo=UTC)
        assert (report.from_message, report.line, report.unlisted) == (True, '+52' + line, employee is None)
        assert report.employee_number == (employee.employee_number if employee else None)
        assert (folio.state, folio.abandoned_at) == (State.NEW, None)
        assert books.privacy(folio.number) == [('mesa/privacy-message', 'aceptado')]
        seconds, rms = loudness(books.recording(folio.number, EntryKind.MESSAGE))
        assert 1.0 < seconds < 4
        assert rms > 2000
        assert books.call(linkedid, folio.number).disposition == 'voice_message'
        assert not books.entries(folio.number, EntryKind.ABANDONED)

    assert (refused.outcome, refused.folio) == ('goodbye', None)
    assert words(refused).endswith('De acuerdo, no se grabará. Gracias por llamar. Hasta luego.')
    assert not list((mesa.root / 'messages').glob(f'{refused.linkedid}-*'))
    assert books.call(refused.linkedid).disposition == 'goodbye'
    assert books.opened_by(str(said_nothing)) == []
    assert books.call(str(said_nothing)).disposition in ('voice_message', 'hung_up')


# --- how it sounds (mission.md 3.7) ------------------------------------------------------------------------------------

def test_a_whole_call_is_loud_enough_and_never_dead(mesa: RealMesa, books: Books) -> None:
    """Measured on what the caller's telephone received, from the greeting to the music of the queue."""
    (user,) = books.strangers(1)
    wav = mesa.root / 'heard.wav'
    heard = call(mesa.instance, NOPALERA, phone_of(user), '1,3,2,1,2', wait_s=3.0, wav=wav)
    assert heard.first_audio_s is not None
    assert heard.first_audio_s['from_answer'] < 0.5
    seconds, rms = loudness(wav)
    assert seconds > 4
    assert 500 < rms < 8000
    longest = max((until - since, since) for since, until in silences(wav))
    assert longest[0] < 1.0, f'{longest[0]:.2f} s of silence at {longest[1]:.2f} s'


def test_who_presses_nothing_waits_no_longer_than_the_menu_says(mesa: RealMesa, books: Books) -> None:
    """The waits for a key are the only silences."""
    (user,) = books.strangers(1)
    wav = mesa.root / 'patient.wav'
    heard = call(mesa.instance, NOPALERA, phone_of(user), '#,#', wait_s=2.0, wav=wav)
    assert (heard.outcome, heard.queue) == ('queued', 'nopalera-standard')
    assert prompts(heard).count('mesa/menu-new') == 3
    assert 'mesa/no-choice' in prompts(heard)
    waits = [until - since for since, until in silences(wav) if until - since > 1.0]
    assert len(waits) == 2                             # the third menu, and "para escucharlo otra vez"
    assert 4.5 < waits[0] < 5.5
    assert 2.5 < waits[1] < 3.5
