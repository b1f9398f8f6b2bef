"""What a caller hears who leaves his place, scripted by his keys (mission.md 3.6)."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.load import load
from config.values import Site
from ivr_flows import spoken
from ivr_flows.call_back import call_back, dialable, own_number
from ivr_flows.steps import Ending, Goodbye, KeepPlace, StayInQueue
from tests.scripted import SILENCE, Talk

OWN, OTHER = '+525555550101', '+525555550199'


@pytest.fixture(scope='module')
def site() -> Site:
    return load(Path('config/example'))


class Waiting(Talk):
    """A scripted caller who waits; `pending` numbers have a call coming already."""

    pending: frozenset[str] = frozenset()

    def answer(self, step: Any, script: Any) -> Any:
        if isinstance(step, KeepPlace):
            self.done.append(step)
            return step.number not in self.pending
        return super().answer(step, script)


def talk(site: Site, own: str | None, *keys: Any, pending: frozenset[str] = frozenset()) -> tuple[Ending, Waiting]:
    script = Waiting(list(keys))
    script.pending = pending
    return script.play(call_back(own, lambda number: dialable(site, number))), script


def test_his_own_number_is_proposed_and_kept(site: Site) -> None:
    ending, script = talk(site, OWN, '1')
    assert ending == Goodbye() and script.done == [KeepPlace(OWN)]
    assert script.heard == ['mesa/callback-number-is', *spoken.phone(OWN), 'mesa/callback-confirm', 'mesa/callback-kept', 'mesa/goodbye']


def test_another_number(site: Site) -> None:
    ending, script = talk(site, OWN, '2', '5555550199', '1')
    assert ending == Goodbye() and script.done == [KeepPlace(OTHER)]


def test_whose_number_is_not_known_is_asked_for_it(site: Site) -> None:
    ending, script = talk(site, None, '5555550199', '1')
    assert ending == Goodbye() and script.done == [KeepPlace(OTHER)] and script.heard[0] == 'mesa/callback-ask-number'


@pytest.mark.parametrize(('own', 'keys'), [(OWN, ['2']), (None, [])])
def test_a_stranger_is_called_at_his_own_number_or_not_at_all(own: str | None, keys: list[str]) -> None:
    script = Waiting(keys)
    assert script.play(call_back(own, None)) == StayInQueue() and script.done == []
    assert 'mesa/callback-ask-number' not in script.heard and script.heard[-1] == 'mesa/callback-wait-on'


def test_a_second_request_is_told_of_the_first(site: Site) -> None:
    ending, script = talk(site, OWN, '1', pending=frozenset({OWN}))
    assert ending == Goodbye() and script.heard[-2:] == ['mesa/callback-already', 'mesa/goodbye']


@pytest.mark.parametrize('keys', [('3',), (SILENCE, SILENCE, SILENCE), ('7', '', '*'), ('2', '123', SILENCE, '0000000000')])
def test_without_a_yes_he_goes_on_waiting(site: Site, keys: tuple[Any, ...]) -> None:
    ending, script = talk(site, OWN, *keys)
    assert ending == StayInQueue() and script.done == [] and script.heard[-1] == 'mesa/callback-wait-on'


@pytest.mark.parametrize('number', ['9005550101', '8005550101', '911', '0155555501', '5555', '', '*#'])
def test_numbers_that_we_never_dial(site: Site, number: str) -> None:
    _, script = talk(site, None, number, '5555550199', '1')
    assert script.heard.count('mesa/callback-number-wrong') == 1 and script.done == [KeepPlace(OTHER)]


def test_a_trunks_or_foreign_or_withheld_number_is_not_his_own(site: Site) -> None:
    client = site.clients['nopalera']
    trunk = next(iter(client.trunk_numbers))
    site = replace(site, trunks=(replace(site.trunks[0], caller_id='+525555550777'),))
    assert own_number(site, client, OWN) == OWN
    assert [own_number(site, client, ani) for ani in (None, trunk, '+12025550123', '+528005550101', '+525555550777')] == [None] * 5
