"""An inbound call as a conversation: each function reads as what is said (mission.md chapter 3).

Functions are generators of steps (`ivr_flows.steps`). `lead` is what is still to be said before the next question, so
that a caller who knows his way can interrupt it with a key.
"""
from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

from config.hours import Reason
from config.values import Menu, Site, User
from ivr_flows import spoken
from ivr_flows.decide import Decision, Destination
from ivr_flows.steps import (
    Ask,
    Categorise,
    Ending,
    FindFolio,
    FolioStatus,
    Goodbye,
    Identified,
    Keys,
    Mistyped,
    MyOpenFolios,
    OpenFolio,
    PrivacyHeard,
    Prompts,
    Record,
    ReuseFolio,
    Say,
    ToFax,
    TooManyGuesses,
    ToQueue,
)

FOLIO_DIGITS = 8
EMPLOYEE_DIGITS = 12
REPEATS = 3
MESSAGE_NOTICE = 'mesa/privacy-message'                # before every voice message, also in the dialplan's own fallback
RECORDING_NOTICE = 'mesa/privacy-recording'            # before a conversation that is recorded
Flow = Generator[Any, Any, Any]
ToEnd = Generator[Any, Any, Ending]
Redecide = Callable[[User | None, str], Decision]


def conversation(site: Site, decision: Decision, find_user: Callable[[str], User | None], redecide: Redecide) -> ToEnd:
    """Talk to one caller from the first word to the queue, the modem or the goodbye.

    `find_user` answers an employee number of this client; `redecide` decides again once the caller is known.
    """
    ending = yield from served(site, decision, find_user, redecide)
    if isinstance(ending, ToQueue) and decision.policy.recording:
        return replace(ending, record=(yield from may_record()))
    return ending


def may_record() -> Flow:
    """Before a conversation is recorded: the notice, and what he says to it (mission.md 3.8)."""
    accepted = yield from privacy(RECORDING_NOTICE)
    if not accepted:
        yield Say(('mesa/privacy-refused',))
    return accepted


def served(site: Site, decision: Decision, find_user: Callable[[str], User | None], redecide: Redecide) -> ToEnd:
    """The conversation itself."""
    if decision.destination is Destination.FAX:
        return ToFax()
    lead: Prompts = (decision.message,) if decision.message else ()
    if not decision.open:
        return (yield from closed(site, decision, find_user, redecide, lead))
    lead += (decision.line.greeting,)
    if decision.caller.user is None:
        user, lead = yield from identify(decision, find_user, lead)
        decision = redecide(user, 'employee_number' if user else 'unknown')
        if not decision.open:                          # the user's own site keeps other hours
            return (yield from closed(site, decision, find_user, redecide, lead))
    yield Identified(decision.caller.user, decision.caller.by)
    if decision.destination is Destination.AGENT:
        return (yield from straight_to_agent(decision, lead))
    return (yield from main_menu(site, decision, lead))


def identify(decision: Decision, find_user: Callable[[str], User | None], lead: Prompts) -> Flow:
    """Ask for the employee number until it is somebody's (mission.md 3.2); returns (user or None, what is left to say)."""
    for _ in range(decision.policy.employee_number_tries):
        answer = yield Ask((*lead, 'mesa/ask-employee-number'), EMPLOYEE_DIGITS)
        user = find_user(answer.pressed) if isinstance(answer, Keys) else None
        if user is not None:
            return user, ()
        lead = ('mesa/employee-number-wrong',) if isinstance(answer, Keys) and answer.pressed else ()
    return None, (*lead, 'mesa/employee-number-none')


def straight_to_agent(decision: Decision, lead: Prompts) -> ToEnd:
    """VIPs, and callers who are not VIP on a VIP number: no menu; the folio is opened after identification (mission.md 1.3, 3.3)."""
    if decision.own_number:
        lead = (*lead, 'mesa/vip-not-listed', *spoken.phone(decision.own_number))
    return (yield from to_agent(decision, lead))


def main_menu(site: Site, decision: Decision, lead: Prompts) -> ToEnd:
    """Offer the line's menu until something was chosen (mission.md 3.3)."""
    mine = (yield MyOpenFolios()) if decision.caller.user else ()
    menu = site.menus[decision.line.menu or '']
    while True:
        choice, lead = yield from choose(menu, bool(mine), lead)
        if choice.startswith('menu:'):
            menu = site.menus[choice.removeprefix('menu:')]
        elif choice == 'new':
            return (yield from new_incident(decision, lead))
        elif choice == 'status':
            return (yield from status(decision, lead))
        elif choice == 'continue':
            ending: Ending | None = yield from continue_mine(decision, mine)
            if ending:
                return ending
            mine, lead = (), ('mesa/my-folio-no-more',)
        else:
            return (yield from to_agent(decision, lead))


def choose(menu: Menu, has_open_folio: bool, lead: Prompts) -> Flow:
    """Offer a menu until a listed key is pressed; returns (where it leads, what is left to say)."""
    offered = {c.key: c for c in menu.choices if has_open_folio or c.goto != 'continue'}
    lead = lead or (menu.greeting,)
    for _ in range(menu.tries):
        answer = yield Ask((*lead, *(c.prompt for c in offered.values())), 1, menu.patience_s)
        if isinstance(answer, Keys) and answer.pressed in offered:
            return offered[answer.pressed].goto, ()
        lead = ('mesa/menu-again',)
    return menu.fallback, ('mesa/no-choice',)


def new_incident(decision: Decision, lead: Prompts) -> ToEnd:
    """Open the folio at once, then ask what it is about and, if he likes, what happened (mission.md 3.3, 3.8)."""
    number = yield OpenFolio(category=None)
    category = yield from ask_category(decision, lead)
    if category:
        yield Categorise(category)
    after: Prompts = ()
    if decision.policy.spoken_description:
        after = yield from describe(decision)
    yield from tell_folio(number, after)
    return ToQueue(decision.queue or '', decision.priority)


def ask_category(decision: Decision, lead: Prompts) -> Flow:
    """Which application it is about; None when he does not say."""
    categories = {c.key: c for c in decision.client.categories}
    if not categories:
        return None
    for _ in range(2):
        answer = yield Ask((*lead, 'mesa/category-intro', *(c.prompt for c in categories.values())), 1)
        if isinstance(answer, Keys) and answer.pressed in categories:
            return categories[answer.pressed].name
        lead = ('mesa/menu-again',)
    return None


def describe(decision: Decision) -> Flow:
    """Offer to record a description, after the privacy notice; returns what is left to say."""
    answer = yield Ask(('mesa/describe-offer',), 1)
    if answer != Keys('1'):
        return ()
    if not (yield from privacy(decision.client.privacy_notice)):
        return ('mesa/privacy-refused',)
    yield Say(('mesa/describe-now',))
    kept = yield Record('description', decision.policy.message_seconds)
    return ('mesa/describe-kept',) if kept else ('mesa/describe-nothing',)


def privacy(notice: str) -> Flow:
    """The notice before any recording; True unless he refuses with 9 (mission.md 3.8)."""
    answer = yield Ask((notice,), 1, patience_s=3.0)
    accepted = answer != Keys('9')
    yield PrivacyHeard(notice, accepted)
    return accepted


def tell_folio(number: str, lead: Prompts = ()) -> Flow:
    """Speak the number digit by digit in groups, and again on request (mission.md 3.3)."""
    intro = 'mesa/your-folio'
    for _ in range(REPEATS):
        answer = yield Ask((*lead, intro, *spoken.digits(number), 'mesa/repeat-folio'), 1, patience_s=3.0)
        if answer != Keys('1'):
            return
        lead, intro = (), 'mesa/again-folio'


def to_agent(decision: Decision, lead: Prompts) -> ToEnd:
    """Open the folio, tell its number and join the queue."""
    number = yield OpenFolio(category=None)
    yield from tell_folio(number, lead)
    return ToQueue(decision.queue or '', decision.priority)


def status(decision: Decision, lead: Prompts) -> ToEnd:
    """Tell the state of folios by number, around the clock (mission.md 3.4)."""
    wrong = 0
    while wrong < decision.policy.status_tries:
        answer = yield Ask((*lead, 'mesa/ask-folio'), FOLIO_DIGITS)
        if not isinstance(answer, Keys) or not answer.pressed:
            wrong, lead = wrong + 1, ()
            continue
        found = yield FindFolio(answer.pressed)
        if isinstance(found, TooManyGuesses):
            lead = ('mesa/folio-too-many',)
            break
        if not isinstance(found, FolioStatus):
            wrong, lead = wrong + 1, ('mesa/folio-mistyped' if isinstance(found, Mistyped) else 'mesa/folio-not-found',)
            continue
        ending: Ending | None = yield from after_status(decision, tell_status(decision, found))
        if ending:
            return ending
        lead = ()
    if decision.open:
        return (yield from to_agent(decision, lead))
    yield Say((*lead, 'mesa/goodbye'))
    return Goodbye()


def tell_status(decision: Decision, folio: FolioStatus) -> Prompts:
    """State, priority, who has it, and the promised time in the line's own clock."""
    promised: Prompts = ()
    if folio.promised is not None and folio.state in ('new', 'assigned', 'in-progress', 'waiting'):
        promised = ('mesa/promised-for', *spoken.moment(folio.promised.astimezone(decision.calendar.zone)))
    return ('mesa/folio-is', *spoken.digits(folio.number), f'mesa/state-{spoken_state(folio.state)}',
            f'mesa/priority-{folio.priority}', f'mesa/holder-{folio.holder}', *promised)


def spoken_state(state: str) -> str:
    """Both ways of being closed sound the same to a caller."""
    return 'closed' if state.startswith('closed') else state


def after_status(decision: Decision, told: Prompts) -> Flow:
    """What to do after a status; None means another folio."""
    question = 'mesa/after-status' if decision.open else 'mesa/after-status-closed'
    lead = told
    for _ in range(2):
        answer = yield Ask((*lead, question), 1)
        pressed = answer.pressed if isinstance(answer, Keys) else ''
        if pressed == '2':
            return None
        if pressed == '0' and decision.open:
            return (yield from to_agent(decision, ()))
        if pressed == '1' and not decision.open:
            return (yield from leave_message(decision))
        if pressed == '9':
            break
        lead = ()
    yield Say(('mesa/goodbye',))
    return Goodbye()


def continue_mine(decision: Decision, mine: tuple[FolioStatus, ...]) -> Flow:
    """Go on with one of his own open folios, newest first (mission.md 3.3); None when he wants none of them."""
    for folio in mine:
        answer = yield Ask(('mesa/my-folio-is', *spoken.digits(folio.number), 'mesa/my-folio-choose'), 1)
        if answer == Keys('1'):
            yield ReuseFolio(folio.number)
            yield Say(('mesa/continue-with', 'mesa/to-queue'))
            return ToQueue(decision.queue or '', decision.priority)
    return None


def closed(site: Site, decision: Decision, find_user: Callable[[str], User | None], redecide: Redecide, lead: Prompts) -> ToEnd:
    """Say why and until when; offer a voice message and status by folio (mission.md 3.5)."""
    yield Identified(decision.caller.user, decision.caller.by)
    lead = (*lead, *why_closed(decision))
    for _ in range(3):
        answer = yield Ask((*lead, 'mesa/closed-menu'), 1)
        pressed = answer.pressed if isinstance(answer, Keys) else ''
        if pressed == '2':
            return (yield from status(decision, ()))
        if pressed == '1':
            if decision.caller.user is None:
                user, lead = yield from identify(decision, find_user, ())
                if user:
                    decision = redecide(user, 'employee_number')
                    yield Identified(user, 'employee_number')
            return (yield from leave_message(decision))
        if pressed == '9':
            break
        lead = ('mesa/menu-again',) if pressed else ()
    yield Say(('mesa/goodbye',))
    return Goodbye()


CLOSED_PROMPTS = {
    Reason.NIGHT: 'mesa/closed-night',
    Reason.EARLY: 'mesa/closed-early',
    Reason.WEEKEND: 'mesa/closed-weekend',
    Reason.HOLIDAY: 'mesa/closed-holiday',
    Reason.OVERRIDE_CLOSED: 'mesa/closed-override',
}


def why_closed(decision: Decision) -> Prompts:
    """Night, weekend, which holiday; and when service opens again, in the line's own clock."""
    why: Prompts = (CLOSED_PROMPTS.get(decision.reason, 'mesa/closed-unknown'),)
    if decision.holiday is not None:
        why += (decision.holiday.prompt,)
    if decision.next_opening is None:
        return why
    return (*why, 'mesa/opens-again', *spoken.moment(decision.next_opening.astimezone(decision.calendar.zone)))


def leave_message(decision: Decision) -> ToEnd:
    """Record a voice message that becomes a folio whose clock starts at the next opening (mission.md 3.5, 3.8)."""
    if not (yield from privacy(MESSAGE_NOTICE)):
        yield Say(('mesa/privacy-refused', 'mesa/goodbye'))
        return Goodbye()
    yield Say(('mesa/message-now',))
    kept = yield Record('message', decision.policy.message_seconds)
    if not kept:
        yield Say(('mesa/message-nothing', 'mesa/goodbye'))
        return Goodbye()
    number = yield OpenFolio(category=None, from_message=True)
    yield from tell_folio(number, ('mesa/message-kept',))
    yield Say(('mesa/goodbye',))
    return Goodbye()
