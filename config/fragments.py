"""Checks of the admin's own dialplan, `custom/*.conf` (mission.md 8.3): what it may do, where it leads, and whether it ends.

The fragments are judged together, as Asterisk sees them, and against what our own dialplan offers. What depends on a
variable is only known in the call and is not judged, except in `custom-before-line`, through which every call goes.
"""
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from config.dialplan_text import Dialplan, Include, Step, parse, split_outside
from config.fragment_view import ENDS, Node, Target, View, circles, jumps_always, targets
from config.problems import Problem
from config.values import Where

OWN = re.compile(r'custom-[a-z0-9-]{1,60}')
BEFORE_LINE, FOR_AGENTS, AGENTS = 'custom-before-line', 'custom-agents', 'from-agents'
PROMPT = re.compile(r'[a-z0-9_-]+(?:/[a-z0-9_-]+)*')
REASONS = {
    'it runs programs of the machine': 'system trysystem externalivr mixmonitor minivmnotify eagi deadagi',
    'Mesa is asked by our own dialplan, and nobody else is': 'agi',
    'the application inside it is not seen by these checks; use GotoIf': 'exec tryexec execif execiftime macro macroif macroexclusive',
    'it makes calls that nobody asked for and that no folio carries': 'originate',
    'it gives a caller a dial tone': 'disa',
    'it records or listens without the privacy notice (mission.md 3.8)': 'record monitor voicemail dictate chanspy extenspy',
    'it hands the call to another program': 'stasis audiosocket',
    'it reads files of the machine': 'readfile adsiprog',
    'it removes stored values': 'dbdel dbdeltree',
}
# Application (small letters) -> why a fragment may not use it.
REFUSED: Mapping[str, str] = {name: reason for reason, names in REASONS.items() for name in names.split()}
REFUSED_FUNCTIONS = re.compile(r'\b(SHELL|EVAL|FILE|CURL|ENV|STAT|ODBC_[A-Z_]+|AST_CONFIG|REALTIME[A-Z_]*|AMI_CLIENT)\s*\(')
OUR_VARIABLE = re.compile(r'(?:GLOBAL\(|SHARED\()?_{0,2}MESA_', re.IGNORECASE)
OUR_STORE = re.compile(r'\bDB(?:_DELETE)?\(\s*mesa/', re.IGNORECASE)
# After one of these a call has spent time, heard something or ended, so a circle through it does not spin.
TAKING_TIME = """
    agentlogin background backgrounddetect bridge busy confbridge congestion controlplayback dial directory echo followme
    hangup milliwatt morsecode musiconhold page park parkedcall playback privacymanager queue read receivefax retrydial return
    sayalpha sayalphacase saycountedadj saycountednoun saydigits sayfraction saymoney saynumber sayordinal sayphonetic sayunixtime
    senddtmf sendfax transfer voicemailmain wait waitdigit waitexten waitfornoise waitforring waitforsilence waituntil zapateller
"""
TAKES_TIME = frozenset(TAKING_TIME.split())
# Application -> index of the argument that names prompts, joined by &.
PLAYS = {'playback': 0, 'background': 0, 'backgrounddetect': 0, 'controlplayback': 0, 'read': 1, 'queue': 3}


@dataclass(frozen=True)
class FragmentKnown:
    """What fragments are checked against. `contexts`: ours that they may lead to, with their extensions (patterns too)."""

    prompts: frozenset[str]
    contexts: Mapping[str, frozenset[str]]
    applications: frozenset[str] = frozenset()         # of the running Asterisk; empty: not known
    refused: Mapping[str, str] = field(default_factory=lambda: REFUSED)


def check_fragments(fragments: Mapping[str, str], known: FragmentKnown) -> list[Problem]:
    """Every problem of the admin's dialplan; `fragments` maps a file's name (as in `Site.fragments`) to its text."""
    plan = together(parse(file, text) for file, text in sorted(fragments.items()))
    view = View(plan, known.contexts)
    return sorted({*plan.problems, *(problem for one in CHECKS for problem in one(view, known))})


def together(plans: Iterable[Dialplan]) -> Dialplan:
    """Several files as the one dialplan that Asterisk makes of them."""
    each = list(plans)
    return Dialplan(
        tuple(item for plan in each for item in plan.contexts),
        tuple(item for plan in each for item in plan.steps),
        tuple(item for plan in each for item in plan.includes),
        tuple(item for plan in each for item in plan.problems))


def contexts_are_own(view: View, known: FragmentKnown) -> Iterator[Problem]:
    """A fragment defines only contexts of its own, never one of ours."""
    for name, where in view.contexts:
        if not name.startswith('custom-') and (name in view.ours or name.startswith(('mesa-', 'from-'))):
            yield Problem(where, f'context {name!r} is ours and may not be redefined: use a name that begins with custom-')
        elif not OWN.fullmatch(name):
            yield Problem(where, f'context {name!r} cannot stand here: use custom- and small letters, digits and -')


def steps_follow(view: View, known: FragmentKnown) -> Iterator[Problem]:
    """Priorities begin with 1, leave no gap, and none and no label is there twice."""
    for step in view.written:
        first = view.steps[step.node]
        if first is not step:
            yield Problem(step.where,
                          f'this priority is already that of {first.where.file}:{first.where.line}: Asterisk would ignore it; remove one')
    for extensions in view.extensions.values():
        for steps in extensions.values():
            numbers = {step.priority for step in steps}
            labels: set[str] = set()
            for step in steps:
                if step.priority > 1 and step.priority - 1 not in numbers:
                    yield Problem(step.where,
                                  f'priority {step.priority} is never reached, for there is no {step.priority - 1}: begin with 1, then n')
                if step.priority < 1:
                    yield Problem(step.where, 'priorities begin with 1')
                if step.label in labels:
                    yield Problem(step.where, f'label {step.label!r} is there twice in this extension: rename one')
                labels |= {step.label} if step.label else set()


def applications_are_allowed(view: View, known: FragmentKnown) -> Iterator[Problem]:
    """Applications exist, and do nothing that a fragment may not do."""
    applications = {name.lower() for name in known.applications}
    for step in view.written:
        name = step.application.lower()
        if name in known.refused:
            yield Problem(step.where, f'{step.application} is not allowed here: {known.refused[name]}')
        elif applications and name not in applications:
            yield Problem(step.where, f'Asterisk has no application {step.application!r}: correct the name')
        if match := REFUSED_FUNCTIONS.search(step.arguments):
            yield Problem(step.where, f'{match[1]}() is not allowed here: it reaches outside the call')
        assigned = split_outside(step.arguments, ',') if name == 'mset' else [step.arguments]
        if any(OUR_VARIABLE.match(text.strip()) for text in assigned) and name not in ('noop', 'verbose', 'log'):
            yield Problem(step.where, 'variables and events that begin with MESA_ are ours: choose another name')
        if OUR_STORE.search(step.arguments):
            yield Problem(step.where, 'what is stored under mesa/ is ours: choose another family')


def targets_exist(view: View, known: FragmentKnown) -> Iterator[Problem]:
    """Goto, GotoIf, Gosub and Dial(Local/...) lead somewhere."""
    for step in view.written:
        for target in targets(step):
            message = _wrong(view, target)
            if message:
                yield Problem(step.where, f'{step.application} leads nowhere: {message}')
        if step.application.lower() == 'queue':
            yield from _queue(view, step)


def _wrong(view: View, target: Target) -> str:
    if target.priority == '':
        return 'write it as label, or extension,priority, or context,extension,priority'
    if target.context is None:
        return ''
    if target.context not in view.extensions and target.context not in view.ours:
        return f'there is no context {target.context!r}'
    if target.extension is None:
        return ''
    there = view.extension(target.context, target.extension)
    if there is None:
        return f'context {target.context!r} has no extension {target.extension!r}'
    if there[0] in view.ours and there[0] not in view.extensions:
        return ''
    if target.priority is not None and view.led_to(target) is None:
        return f'extension {target.extension!r} of {there[0]!r} has no priority or label {target.priority!r}'
    return ''


def _queue(view: View, step: Step) -> Iterator[Problem]:
    queues = view.ours.get('mesa-queue')
    name = split_outside(step.arguments, ',')[0]
    if queues is not None and '$' not in name and name not in queues:
        yield Problem(step.where, f'no queue is called {name!r}: see queues.toml')


def includes_exist(view: View, known: FragmentKnown) -> Iterator[Problem]:
    """`include =>` names a context that is there and leads to no circle."""
    ours = Include(AGENTS, FOR_AGENTS, Where('', 0, ''))
    edges = [*view.includes, ours]
    for include in view.includes:
        if include.target not in view.extensions and include.target not in view.ours:
            yield Problem(include.where, f'there is no context {include.target!r} to include')
        elif include.context in _included(edges, include.target):
            yield Problem(include.where, f'{include.target!r} includes {include.context!r} in turn: remove one of the inclusions')


def _included(edges: Iterable[Include], start: str) -> set[str]:
    edges = list(edges)
    found: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [edge.target for edge in edges if edge.context == name]
    return found


def prompts_are_recorded(view: View, known: FragmentKnown) -> Iterator[Problem]:
    """What is played has a recording."""
    for step in view.written:
        index = PLAYS.get(step.application.lower())
        arguments = split_outside(step.arguments, ',')
        if index is None or index >= len(arguments):
            continue
        for name in arguments[index].split('&'):
            name = name.strip()
            if not name or '$' in name:
                continue
            if not PROMPT.fullmatch(name):
                yield Problem(step.where,
                              f'{name!r} cannot be a prompt: use small letters, digits, -, _ and / alone, without the ending .wav')
            elif name not in known.prompts:
                yield Problem(step.where,
                              f'there is no prompt {name!r}: add a text to prompts.toml (played as site/NAME), or correct the name')


def circles_take_time(view: View, known: FragmentKnown) -> Iterator[Problem]:
    """No circle of steps spins: each waits, talks or ends. One that a condition may leave is only a warning."""
    spinning = {node: step for node, step in view.steps.items() if step.application.lower() not in TAKES_TIME}
    after = {node: [each.node for each in view.successors(step)] for node, step in spinning.items()}
    for circle in circles(after):
        first = spinning[min(circle)]
        if any(_leaves(view, spinning[node], circle) for node in circle):
            yield Problem(first.where, f'{len(circle)} steps from here go in a circle without waiting; only a condition ends it: '
                          'add Wait(1), or make sure that it ends', 'warning')
        else:
            yield Problem(first.where, f'{len(circle)} steps from here go in a circle for ever without waiting, talking or ending: '
                          'lead out of it, or add Wait(1)')


def _leaves(view: View, step: Step, circle: set[Node]) -> bool:
    """The step can also lead out of the circle: to other steps, to our dialplan, or off the end of its extension."""
    if step.application.lower() in ('gosub', 'gosubif'):
        return False                                   # a subroutine comes back
    outside = any(after.node not in circle for after in view.successors(step))
    elsewhere = any(view.led_to(target) is None for target in targets(step))
    conditional = step.application.lower() in ('gotoif', 'gotoiftime', 'while') and not jumps_always(step)
    return outside or elsewhere or (conditional and view.next(step) is None)


def hook_returns(view: View, known: FragmentKnown) -> Iterator[Problem]:
    """Every call goes through custom-before-line: each way through it returns, or ends the call on purpose."""
    where = next((where for name, where in view.contexts if name == BEFORE_LINE), None)
    if where is None:
        return
    start = view.led_to(Target(BEFORE_LINE, 's', '1'))
    if start is None:
        yield Problem(where, f'{BEFORE_LINE} begins at s,1: add exten => s,1,...')
        return
    waiting, seen = [start], set()
    while waiting:
        step = waiting.pop()
        if step.node in seen:
            continue
        seen.add(step.node)
        after = view.successors(step)
        waiting += after
        jumps = step.application.lower() in ('goto', 'gotoif', 'gotoiftime', 'gosub', 'gosubif')
        if jumps and any(view.led_to(target) is None for target in targets(step)):
            yield Problem(step.where,
                          f'{BEFORE_LINE} must come back with Return(): this leads elsewhere, or to a place known only in the call')
        elif step.application.lower() not in ENDS and _runs_out(view, step, after):
            yield Problem(step.where, f'{BEFORE_LINE} ends here without Return(): the call would be hung up; add same => n,Return()')


def _runs_out(view: View, step: Step, after: list[Step]) -> bool:
    conditional = step.application.lower() in ('gotoif', 'gotoiftime', 'gosub', 'gosubif')
    return not after or (conditional and not jumps_always(step) and view.next(step) is None)


def agents_extensions_are_free(view: View, known: FragmentKnown) -> Iterator[Problem]:
    """What an agent dials is not redefined: colleagues and emergency numbers come first and would hide it."""
    taken = view.ours.get(AGENTS, frozenset())
    for context in sorted(_included(view.includes, FOR_AGENTS)):
        for name, steps in view.extensions.get(context, {}).items():
            if name in taken:
                yield Problem(replace(steps[0].where, key=f'{context},{name}'),
                              f"{name} is an agent's extension or an emergency number and may not be redefined: choose another")


CHECKS = (
    contexts_are_own,
    steps_follow,
    applications_are_allowed,
    targets_exist,
    includes_exist,
    prompts_are_recorded,
    circles_take_time,
    hook_returns,
    agents_extensions_are_free,
)
