"""Checks of the dialplan as rendered: every target, prompt and queue is there before Asterisk reads it (mission.md 8.1)."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from config.dialplan_text import Dialplan, Step, parse, split_outside
from config.fragment_view import View
from config.fragments import FragmentKnown, prompts_are_recorded, steps_follow, targets_exist, together
from config.problems import Problem
from config.values import Site

HOURS = 'mesa-hours'                                   # stands in a file of its own, renewed daily
CHECKS = (targets_exist, prompts_are_recorded, steps_follow)


def rendered_problems(files: Mapping[str, str], site: Site, prompts: frozenset[str]) -> list[Problem]:
    """Every defect of `extensions.conf` and the fragments it includes; `files` as `config.render.render` gives them."""
    plan = dialplan_of(files)
    known = FragmentKnown(prompts=prompts, contexts={HOURS: frozenset(site.lines)})
    view = View(plan, known.contexts)
    unread = (problem for problem in plan.problems if not problem.where.key.startswith('general,'))     # our settings, no extensions
    return sorted({*unread, *(problem for one in CHECKS for problem in one(view, known)), *queues_exist(plan.steps, site)})


def steps_of(files: Mapping[str, str]) -> tuple[Step, ...]:
    """Every step of the rendered dialplan, fragments included."""
    return dialplan_of(files).steps


def dialplan_of(files: Mapping[str, str]) -> Dialplan:
    """`extensions.conf` and the fragments as the one dialplan that Asterisk makes of them."""
    names = sorted(name for name in files if name == 'extensions.conf' or name.startswith('custom/'))
    return together(parse(name, without_directives(files[name])) for name in names)


def without_directives(text: str) -> str:
    """The text with its own #include lines emptied: what they name is parsed beside it."""
    return '\n'.join('' if line.startswith(('#include', '#tryinclude')) else line for line in text.split('\n'))


def queues_exist(steps: Iterable[Step], site: Site) -> Iterator[Problem]:
    """Queue() names a queue of the site."""
    for step in steps:
        name = split_outside(step.arguments, ',')[0]
        if step.application.lower() == 'queue' and name not in site.queues:
            yield Problem(step.where, f'no queue is called {name!r}: see queues.toml')
