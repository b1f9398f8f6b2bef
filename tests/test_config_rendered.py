"""The dialplan as it is rendered is checked before Asterisk sees it: targets, prompts, queues, fragments included (mission.md 8.1, 8.3)."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from config.dialplan_text import parse
from config.load import load
from config.place import Place, Ports, Secrets
from config.render import render
from config.rendered import rendered_problems, steps_of
from config.values import Site
from tests.site_copies import EXAMPLE, TEXTS

PLACE = Place(Path('/srv/mesa'), Path('/opt/asterisk'), Ports(sip=5060, agi=4573, ami=5038, rtp_start=10000, rtp_end=10999))
PROMPTS = frozenset(f'mesa/{name}' for name in TEXTS) | {'site/aviso-mantenimiento', 'site/nopalera-greeting', 'site/quetzal-greeting'}
WHERE = 'extensions.conf'


@pytest.fixture(scope='module')
def site() -> Site:
    return load(EXAMPLE)


@pytest.fixture(scope='module')
def files(site: Site) -> dict[str, str]:
    return render(site, PLACE, Secrets('one', 'two', dict.fromkeys(site.agents, 'three')))


def said(files: dict[str, str], site: Site, prompts: frozenset[str] = PROMPTS) -> list[tuple[str, str]]:
    """(file, message) of every problem."""
    return [(problem.where.file, problem.message) for problem in rendered_problems(files, site, prompts)]


def spoilt(files: dict[str, str], old: str, new: str) -> dict[str, str]:
    """The files with one place of the dialplan changed."""
    assert old in files[WHERE], f'the dialplan holds no {old!r}'
    return {**files, WHERE: files[WHERE].replace(old, new, 1)}


def test_the_example_is_rendered_without_a_problem(files: dict[str, str], site: Site) -> None:
    assert said(files, site) == []


def test_a_dialplan_without_hooks_or_fragments_is_right_too(site: Site) -> None:
    bare = replace(site, fragments={})
    assert said(render(bare, PLACE, Secrets('one', 'two', dict.fromkeys(site.agents, 'three'))), bare) == []


def test_a_hook_of_the_admin_is_reached(site: Site) -> None:
    hooked = replace(site, fragments={'custom/hook.conf': '[custom-before-line]\nexten => s,1,NoOp()\n same => n,Return()\n'})
    assert said(render(hooked, PLACE, Secrets('one', 'two', dict.fromkeys(site.agents, 'three'))), hooked) == []


@pytest.mark.parametrize(('old', 'new', 'words'), [
    ('Goto(mesa-fax,', 'Goto(mesa-fx,', "no context 'mesa-fx'"),
    ('Goto(mesa-unserved,s,1)', 'Goto(mesa-unserved,x,1)', "no extension 'x'"),
    ('?mesa-unserved,s,1)', '?mesa-unserved,s,7)', "no priority or label '7'"),
    ('Gosub(mesa-hours,+528005550101,1)', 'Gosub(mesa-hours,+528005550999,1)', "no extension '+528005550999'"),
    ('Playback(mesa/goodbye)', 'Playback(mesa/goodby)', "no prompt 'mesa/goodby'"),
    ('Queue(nopalera-standard,', 'Queue(nopalera-standrd,', "no queue is called 'nopalera-standrd'"),
    ('[mesa-done]\nexten => s,1,', '[mesa-done]\nexten => s,2,', 'never reached'),
])
def test_each_kind_of_slip_is_found(files: dict[str, str], site: Site, old: str, new: str, words: str) -> None:
    found = said(spoilt(files, old, new), site)
    assert found and all(file == WHERE for file, _ in found)
    assert any(words in message for _, message in found), found


def test_a_prompt_without_a_recording_is_found_in_our_own_dialplan(files: dict[str, str], site: Site) -> None:
    found = said(files, site, PROMPTS - {'mesa/fallback-open'})
    assert found and {message.partition(':')[0] for _, message in found} == {"there is no prompt 'mesa/fallback-open'"}


def test_a_fragment_is_judged_beside_the_rest(files: dict[str, str], site: Site) -> None:
    text = '[custom-own]\nexten => 1,1,Goto(mesa-queue,gone,1)\nexten => 2,1,Goto(mesa-queue,quetzal-vip,1)\n'
    with_it = {**files, 'custom/own.conf': text}
    assert [(file, 'gone' in message) for file, message in said(with_it, site)] == [('custom/own.conf', True)]


def test_every_step_is_known_with_its_place(files: dict[str, str]) -> None:
    steps = {step.node: step for step in steps_of(files)}
    first = steps['from-trunk', '8005550101', 1]
    assert (first.application, first.arguments) == ('Goto', 'mesa-line,+528005550101,1')
    assert files[WHERE].splitlines()[first.where.line - 1] == 'exten => 8005550101,1,Goto(mesa-line,+528005550101,1)'
    assert steps['custom-agents', '1900', 2].where.file == 'custom/ejemplo.conf'


def test_a_priority_goes_on_after_the_last_one_of_its_context() -> None:
    text = '[custom-a]\nexten => 1,1,NoOp()\nexten => 1,n,Wait(1)\nexten => 1,n(end),Hangup()\n[custom-b]\nexten => 1,n,Hangup()\n'
    plan = parse('custom/own.conf', text)
    assert [(step.context, step.priority, step.label) for step in plan.steps] == [
        ('custom-a', 1, None), ('custom-a', 2, None), ('custom-a', 3, 'end')]
    assert [(problem.where.line, 'n follows nothing' in problem.message) for problem in plan.problems] == [(6, True)]
