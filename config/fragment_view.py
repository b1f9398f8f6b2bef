"""An admin's dialplan as Asterisk follows it: where each step may lead, and which steps go round in a circle."""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from config.dialplan_text import Dialplan, Step, matches, split_outside

Node = tuple[str, str, int]
ENDS = frozenset({'hangup', 'busy', 'congestion', 'return'})


@dataclass(frozen=True)
class Target:
    """Where a step may lead, as written: None stands for what only the call will know."""

    context: str | None
    extension: str | None
    priority: str | None


def targets(step: Step) -> list[Target]:
    """Where a step may lead besides the next priority; an unreadable target is Target(None, None, '')."""
    name, arguments = step.application.lower(), step.arguments
    if name == 'goto':
        return [_target(step, arguments)]
    if name == 'gosub':
        return [_target(step, _without_arguments(arguments))]
    if name in ('gotoif', 'gotoiftime', 'gosubif'):
        branches = split_outside(arguments, '?', 1)[1:]
        written = [part for branch in branches for part in split_outside(branch, ':', 1) if part]
        return [_target(step, _without_arguments(part) if name == 'gosubif' else part) for part in written]
    if name in ('dial', 'retrydial', 'page'):
        devices = [part.strip() for part in (split_outside(arguments, ',') or [''])[0].split('&')]
        return [_local(device) for device in devices if device.lower().startswith('local/')]
    return []


def _without_arguments(text: str) -> str:
    return re.sub(r'\(.*\)\s*$', '', text, flags=re.DOTALL)


def _target(step: Step, text: str) -> Target:
    parts = split_outside(text, ',')
    if len(parts) > 3 or not all(parts):
        return Target(None, None, '')
    full = [*[step.context, step.extension][:3 - len(parts)], *parts]
    context, extension, priority = (None if '$' in part else part for part in full)
    return Target(context, extension, priority)


def _local(device: str) -> Target:
    extension, at, rest = device[len('local/'):].partition('@')
    context = rest.partition('/')[0] if at else 'default'
    return Target(None if '$' in context else context, None if '$' in extension else extension, '1')


class View:
    """The fragments as Asterisk sees them: by context, extension and priority."""

    def __init__(self, plan: Dialplan, ours: Mapping[str, Iterable[str]]) -> None:
        self.ours = ours
        self.contexts = plan.contexts
        self.includes = plan.includes
        self.written = plan.steps
        self.steps: dict[Node, Step] = {}
        self.extensions: dict[str, dict[str, list[Step]]] = {name: {} for name, _ in plan.contexts}
        for step in plan.steps:
            if self.steps.setdefault(step.node, step) is step:
                self.extensions.setdefault(step.context, {}).setdefault(step.extension, []).append(step)

    def extension(self, context: str, dialled: str, seen: frozenset[str] = frozenset()) -> tuple[str, str] | None:
        """The context and extension that take what is dialled, inclusions followed; None when there is none."""
        mine = self.extensions.get(context, {})
        found = dialled if dialled in mine else next((name for name in mine if matches(name, dialled)), None)
        if found is not None:
            return context, found
        if any(matches(name, dialled) for name in self.ours.get(context, ())):
            return context, dialled
        for include in self.includes:
            if include.context == context and include.target not in seen | {context}:
                there = self.extension(include.target, dialled, seen | {context})
                if there:
                    return there
        return None

    def led_to(self, target: Target) -> Step | None:
        """The step of a fragment that a target means; None when it is ours, unknown, or not to be known."""
        if target.context is None or target.extension is None or target.priority is None:
            return None
        there = self.extension(target.context, target.extension)
        if there is None:
            return None
        steps = self.extensions.get(there[0], {}).get(there[1], [])
        return next((step for step in steps if target.priority in (str(step.priority), step.label)), None)

    def next(self, step: Step) -> Step | None:
        """The step after this one in its extension."""
        return self.steps.get((step.context, step.extension, step.priority + 1))

    def successors(self, step: Step) -> list[Step]:
        """The steps of fragments that may follow a step."""
        name = step.application.lower()
        after = [self.led_to(target) for target in targets(step) if name not in ('dial', 'retrydial', 'page')]
        if name == 'endwhile':
            after.append(self._while_of(step))
        if name in ('while', 'exitwhile'):
            after.append(self._after_while(step))
        if name == 'continuewhile':
            after.append(self._while_of(step))
        if name not in ENDS | {'goto', 'endwhile', 'exitwhile', 'continuewhile'} and not jumps_always(step):
            after.append(self.next(step))
        return [each for each in after if each is not None]

    def _while_of(self, step: Step) -> Step | None:
        depth = 0
        for before in reversed([s for s in self.extensions[step.context][step.extension] if s.priority < step.priority]):
            name = before.application.lower()
            depth += (name == 'endwhile') - (name == 'while')
            if depth < 0:
                return before
        return None

    def _after_while(self, step: Step) -> Step | None:
        depth = 1
        for later in (s for s in self.extensions[step.context][step.extension] if s.priority > step.priority):
            name = later.application.lower()
            depth += (name == 'while') - (name == 'endwhile')
            if depth == 0:
                return self.next(later)
        return None


def jumps_always(step: Step) -> bool:
    """A condition with both branches given."""
    branches = split_outside(step.arguments, '?', 1)[1:] if step.application.lower() in ('gotoif', 'gotoiftime') else []
    return bool(branches) and len([part for part in split_outside(branches[0], ':', 1) if part]) == 2


def circles(after: Mapping[Node, list[Node]]) -> list[set[Node]]:
    """The strongly connected parts of a graph that hold a circle (Tarjan, without recursion)."""
    order: dict[Node, int] = {}
    low: dict[Node, int] = {}
    stack: list[Node] = []
    on_stack: set[Node] = set()
    found = []
    for root in after:
        work = [(root, iter(after[root]))] if root not in order else []
        while work:
            node, rest = work[-1]
            if node not in order:
                order[node] = low[node] = len(order)
                stack.append(node)
                on_stack.add(node)
            for other in rest:
                if other not in after:
                    continue
                if other not in order:
                    work.append((other, iter(after[other])))
                    break
                if other in on_stack:
                    low[node] = min(low[node], order[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == order[node]:
                    part = set()
                    while node not in part:
                        part.add(stack.pop())
                    on_stack -= part
                    if len(part) > 1 or node in after[node]:
                        found.append(part)
    return found
