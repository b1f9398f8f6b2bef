"""Every path of the conversation, scripted by its keys (mission.md chapter 3)."""
from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from config.load import load
from config.values import Modality, Override, OverrideState, Site, User
from ivr_flows import spoken
from ivr_flows.conversation import conversation
from ivr_flows.decide import decide
from ivr_flows.steps import (
    Caller,
    Categorise,
    Ending,
    FolioStatus,
    Goodbye,
    Identified,
    Mistyped,
    OpenFolio,
    PrivacyHeard,
    Record,
    ReuseFolio,
    ToFax,
    TooManyGuesses,
    ToQueue,
)
from tests.scripted import SILENCE, Talk
from ticketing.directory import Directory

OPEN = datetime.fromisoformat('2026-11-24T10:00-06:00')          # a Tuesday
NIGHT = datetime.fromisoformat('2026-11-24T20:00-06:00')
HOLIDAY = datetime.fromisoformat('2026-12-25T10:00-06:00')
STANDARD, PREMIUM, VIP, FAX = '+528005550101', '+528005550102', '+528005550103', '+528005550105'
KNOWN, DIRECTOR, TRUNK = '+525555550101', '+525555550111', '+525555559000'
NUMBER = '48213307'
TELL = 'mesa/your-folio'


@pytest.fixture(scope='module')
def site() -> Site:
    return load(Path('config/example'))


def talk(site: Site, line: str, ani: str | None, keys: list[Any], now: datetime = OPEN, overrides: tuple[Override, ...] = (),
         **more: Any) -> tuple[Ending, Talk]:
    directory = Directory(site.clients)
    user = directory.by_phone('nopalera', ani) if ani else None
    caller = Caller(site.lines[line], ani, user, 'caller_id' if user else 'unknown')

    def redecide(user: User | None, by: str) -> Any:
        return decide(site, Caller(caller.line, ani, user, by), overrides, now)

    script = Talk(keys, **more)
    flow = conversation(site, redecide(caller.user, caller.by), lambda text: directory.by_employee_number('nopalera', text), redecide)
    return script.play(flow), script


def status_of(number: str = NUMBER, state: str = 'in-progress') -> FolioStatus:
    return FolioStatus(number, state, 'high', 'group', datetime.fromisoformat('2026-11-25T12:30-06:00'))


def test_a_new_incident_is_opened_at_the_choice_categorised_told_and_queued(site: Site) -> None:
    ending, call = talk(site, STANDARD, KNOWN, ['1', '2', '2', SILENCE])
    assert ending == ToQueue('nopalera-standard', 0)
    assert call.heard[0] == 'site/nopalera-greeting'
    assert [type(d) for d in call.done] == [Identified, OpenFolio, Categorise]
    assert call.done[2].category == 'windows'
    assert call.heard[call.heard.index(TELL):][1:1 + len(spoken.digits(NUMBER))] == list(spoken.digits(NUMBER))


def test_the_menu_offers_to_continue_only_when_there_is_an_open_folio(site: Site) -> None:
    _, without = talk(site, STANDARD, KNOWN, ['0', SILENCE])
    _, having = talk(site, STANDARD, KNOWN, ['0', SILENCE], mine=(status_of(),))
    assert 'mesa/menu-continue' not in without.heard
    assert 'mesa/menu-continue' in having.heard


def test_the_number_is_repeated_on_request(site: Site) -> None:
    _, call = talk(site, STANDARD, KNOWN, ['0', '1', '2'])
    assert call.heard.count(TELL) == 1 and call.heard.count('mesa/again-folio') == 1


def test_an_unknown_caller_is_asked_for_his_employee_number(site: Site) -> None:
    ending, call = talk(site, STANDARD, '+525555551234', ['10001', '0', SILENCE])
    assert ending == ToQueue('nopalera-standard', 0)
    assert call.done[0].user.employee_number == '10001' and call.done[0].by == 'employee_number'


def test_after_three_wrong_employee_numbers_he_goes_on_unknown(site: Site) -> None:
    ending, call = talk(site, STANDARD, '+525555551234', ['99999', '', SILENCE, '0', SILENCE])
    assert call.heard.count('mesa/ask-employee-number') == 3
    assert 'mesa/employee-number-none' in call.heard
    assert call.done[0] == Identified(None, 'unknown')
    assert ending == ToQueue('nopalera-standard', 0)


def test_a_trunk_number_selects_nobody(site: Site) -> None:
    _, call = talk(site, STANDARD, TRUNK, ['10001', '0', SILENCE])
    assert 'mesa/ask-employee-number' in call.heard


def test_keys_that_the_menu_does_not_have_end_at_an_agent(site: Site) -> None:
    ending, call = talk(site, STANDARD, KNOWN, ['7', '3', SILENCE, SILENCE])
    assert ending == ToQueue('nopalera-standard', 0)
    assert call.heard.count('mesa/menu-again') == 2 and 'mesa/no-choice' in call.heard


def test_an_own_open_folio_is_continued_without_a_new_one(site: Site) -> None:
    other = status_of('10000014')
    ending, call = talk(site, STANDARD, KNOWN, ['3', '2', '1'], mine=(other, status_of()))
    assert ending == ToQueue('nopalera-standard', 0)
    assert ReuseFolio(NUMBER) in call.done and not any(isinstance(d, OpenFolio) for d in call.done)


def test_declining_all_own_folios_leads_back_to_the_menu(site: Site) -> None:
    ending, call = talk(site, STANDARD, KNOWN, ['3', '2', '0', SILENCE], mine=(status_of(),))
    assert 'mesa/my-folio-no-more' in call.heard
    assert any(isinstance(d, OpenFolio) for d in call.done) and ending == ToQueue('nopalera-standard', 0)


def test_status_tells_state_priority_holder_and_promised_time_and_opens_no_folio(site: Site) -> None:
    ending, call = talk(site, STANDARD, KNOWN, ['2', NUMBER, '9'], found={NUMBER: status_of()})
    told = call.heard[call.heard.index('mesa/folio-is'):]
    facts = [p for p in told if p.startswith(('mesa/state', 'mesa/pr', 'mesa/holder'))]
    assert facts == ['mesa/state-in-progress', 'mesa/priority-high', 'mesa/holder-group', 'mesa/promised-for']
    assert ending == Goodbye() and not any(isinstance(d, OpenFolio) for d in call.done)


def test_asking_for_an_agent_after_a_status_opens_a_folio(site: Site) -> None:
    ending, call = talk(site, STANDARD, KNOWN, ['2', NUMBER, '0', SILENCE], found={NUMBER: status_of()})
    assert ending == ToQueue('nopalera-standard', 0) and any(isinstance(d, OpenFolio) for d in call.done)


def test_a_folio_that_is_not_his_sounds_exactly_like_an_unknown_one(site: Site) -> None:
    _, unknown = talk(site, STANDARD, KNOWN, ['2', '10000014', NUMBER, '9'], found={NUMBER: status_of()})
    assert unknown.heard.count('mesa/folio-not-found') == 1


def test_a_mistyped_number_is_recognised(site: Site) -> None:
    _, call = talk(site, STANDARD, KNOWN, ['2', '48213308', NUMBER, '9'], found={NUMBER: status_of(), '48213308': Mistyped()})
    assert 'mesa/folio-mistyped' in call.heard


def test_three_wrong_numbers_lead_to_an_agent(site: Site) -> None:
    ending, call = talk(site, STANDARD, KNOWN, ['2', '10000014', '48213308', SILENCE, SILENCE], found={'48213308': Mistyped()})
    assert ending == ToQueue('nopalera-standard', 0) and any(isinstance(d, OpenFolio) for d in call.done)


def test_three_wrong_numbers_out_of_hours_lead_to_goodbye(site: Site) -> None:
    ending, call = talk(site, STANDARD, KNOWN, ['2', '10000014', '10000014', '10000014'], now=NIGHT)
    assert ending == Goodbye() and call.heard[-1] == 'mesa/goodbye'


def test_too_many_guesses_end_the_inquiry(site: Site) -> None:
    ending, call = talk(site, STANDARD, KNOWN, ['2', NUMBER, SILENCE], found={NUMBER: TooManyGuesses()})
    assert 'mesa/folio-too-many' in call.heard and isinstance(ending, ToQueue)


def test_closed_says_why_and_when_it_opens(site: Site) -> None:
    ending, call = talk(site, STANDARD, KNOWN, ['9'], now=HOLIDAY)
    assert call.heard[:3] == ['mesa/closed-holiday', 'mesa/holiday-christmas', 'mesa/opens-again']
    monday = datetime.fromisoformat('2026-12-28T08:00-06:00')
    assert call.heard[3:3 + len(spoken.moment(monday))] == list(spoken.moment(monday))
    assert ending == Goodbye() and not any(isinstance(d, OpenFolio) for d in call.done)


def test_closed_gives_status_around_the_clock(site: Site) -> None:
    _, call = talk(site, STANDARD, KNOWN, ['2', NUMBER, '9'], now=NIGHT, found={NUMBER: status_of()})
    assert 'mesa/state-in-progress' in call.heard and 'mesa/after-status-closed' in call.heard


def test_a_message_is_recorded_after_the_privacy_notice_and_becomes_a_folio(site: Site) -> None:
    ending, call = talk(site, STANDARD, KNOWN, ['1', SILENCE, SILENCE], now=NIGHT)
    assert [type(d) for d in call.done] == [Identified, PrivacyHeard, Record, OpenFolio]
    assert call.done[-1] == OpenFolio(category=None, from_message=True)
    assert call.heard.index('mesa/privacy-message') < call.heard.index('mesa/message-now')
    assert ending == Goodbye()


def test_a_message_may_be_refused(site: Site) -> None:
    _, call = talk(site, STANDARD, KNOWN, ['1', '9'], now=NIGHT)
    assert PrivacyHeard('mesa/privacy-message', accepted=False) in call.done
    assert not any(isinstance(d, Record | OpenFolio) for d in call.done)


def test_an_empty_message_opens_nothing(site: Site) -> None:
    _, call = talk(site, STANDARD, KNOWN, ['1', SILENCE], now=NIGHT, recorded=0.0)
    assert 'mesa/message-nothing' in call.heard and not any(isinstance(d, OpenFolio) for d in call.done)


def test_a_spoken_description_is_offered_and_the_notice_comes_first(site: Site) -> None:
    _, call = talk(site, STANDARD, KNOWN, ['1', '2', '1', SILENCE, SILENCE])
    assert call.heard.index('mesa/privacy') < call.heard.index('mesa/describe-now')
    assert PrivacyHeard('mesa/privacy', accepted=True) in call.done and Record('description', 180) in call.done


def test_refusing_the_recording_is_served_all_the_same(site: Site) -> None:
    ending, call = talk(site, STANDARD, KNOWN, ['1', '2', '1', '9', SILENCE])
    assert not any(isinstance(d, Record) for d in call.done) and ending == ToQueue('nopalera-standard', 0)


def test_a_director_goes_straight_to_an_agent_on_any_line_of_his_client(site: Site) -> None:
    for line in (STANDARD, PREMIUM, VIP):
        ending, call = talk(site, line, DIRECTOR, [SILENCE])
        assert ending == ToQueue('nopalera-vip', 10)
        assert 'mesa/menu-new' not in call.heard and any(isinstance(d, OpenFolio) for d in call.done)


def test_a_director_known_by_his_employee_number_is_a_director(site: Site) -> None:
    ending, _ = talk(site, STANDARD, TRUNK, ['10011', SILENCE])
    assert ending == ToQueue('nopalera-vip', 10)


def test_who_is_not_on_the_vip_list_is_told_his_own_number_and_waits_like_everybody(site: Site) -> None:
    ending, call = talk(site, VIP, KNOWN, [SILENCE])
    assert ending == ToQueue('nopalera-standard', 0)
    own = list(spoken.phone(STANDARD))
    at = call.heard.index('mesa/vip-not-listed')
    assert call.heard[at + 1:at + 1 + len(own)] == own


def test_a_fax_line_says_nothing(site: Site) -> None:
    assert talk(site, FAX, KNOWN, [], now=NIGHT) == (ToFax(), Talk([]))


def test_an_override_closes_opens_and_speaks(site: Site) -> None:
    def override(state: OverrideState, message: str | None = None) -> tuple[Override, ...]:
        return (Override(STANDARD, state, OPEN.replace(hour=0), NIGHT.replace(hour=23), message),)
    _, closed = talk(site, STANDARD, KNOWN, ['9'], overrides=override(OverrideState.CLOSED))
    assert closed.heard[0] == 'mesa/closed-override'
    opened, _ = talk(site, STANDARD, KNOWN, ['0', SILENCE], now=NIGHT, overrides=override(OverrideState.OPEN))
    assert opened == ToQueue('nopalera-standard', 0)
    _, spoke = talk(site, STANDARD, KNOWN, ['0', SILENCE], overrides=override(OverrideState.MESSAGE, 'site/aviso-mantenimiento'))
    assert spoke.heard[0] == 'site/aviso-mantenimiento'


# --- conversations that are recorded (mission.md 3.8) --------------------------------------------------------------------

def recording(site: Site, modality: Modality) -> Site:
    """The site with conversations recorded in one modality of La Nopalera."""
    client = site.clients['nopalera']
    policies = {modality: replace(client.policy, recording=True)}
    return replace(site, clients={**site.clients, 'nopalera': replace(client, modality_policies=policies)})


@pytest.mark.parametrize(('keys', 'record'), [(['0', '2', SILENCE], True), (['0', '2', '1'], True), (['0', '2', '9'], False)])
def test_a_conversation_is_recorded_unless_he_refuses(site: Site, keys: list[Any], record: bool) -> None:
    ending, script = talk(recording(site, Modality.STANDARD), STANDARD, KNOWN, keys)
    assert ending == ToQueue('nopalera-standard', 0, record)
    assert script.done[-1] == PrivacyHeard('mesa/privacy-recording', record)
    assert script.heard[-1] == ('mesa/privacy-recording' if record else 'mesa/privacy-refused')


def test_only_where_the_contract_of_the_modality_says_so(site: Site) -> None:
    ending, script = talk(recording(site, Modality.PREMIUM), STANDARD, KNOWN, ['0', '2'])
    assert ending == ToQueue('nopalera-standard', 0) and 'mesa/privacy-recording' not in script.heard
