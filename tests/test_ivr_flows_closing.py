"""The close call's conversation by scripted keys (mission.md 4.7): only a key is an answer."""
from __future__ import annotations

import tomllib
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr_flows.closing import TOPICS, Closing, closing, topic_of
from ivr_flows.steps import Ask, Confirmed, Ending, Goodbye, Keys, Later, Refused, Say, Scored, TimedOut, ToQueue

FOLIO = '12345674'
QUEUE = ToQueue('nopalera-standard', 0)
SILENCE = None
PROMPTS = tomllib.loads((Path(__file__).resolve().parent.parent / 'asterisk-conf/prompts/es_MX.toml').read_text())['texts']


class Talk:
    """One call: `keys` answer the questions in order, SILENCE nothing; what is over is answered with silence, as a machine does."""

    def __init__(self, keys: Iterable[str | None], unchanged: bool = True) -> None:
        self._keys = iter(keys)
        self._unchanged = unchanged
        self.heard: list[str] = []
        self.done: list[Any] = []

    def play(self, flow: Generator[Any, Any, Ending]) -> Ending:
        answer: Any = None
        try:
            while True:
                answer = self._answer(flow.send(answer))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    def _answer(self, step: Any) -> Any:
        match step:
            case Say(prompts):
                self.heard += prompts
            case Ask(prompts):
                self.heard += prompts
                key = next(self._keys, SILENCE)
                return TimedOut() if key is SILENCE else Keys(key)
            case Confirmed() | Refused():
                self.done.append(step)
                return self._unchanged
            case Later() | Scored():
                self.done.append(step)
            case _:
                raise AssertionError(f'a close call may not ask for {step!r}')
        return None


def talk(*keys: str | None, facts: Closing | None = None, unchanged: bool = True) -> tuple[Talk, Ending]:
    told = Talk(keys, unchanged)
    return told, told.play(closing(facts or Closing(FOLIO, agents=QUEUE)))


def test_it_says_which_folio_and_about_what_before_it_asks() -> None:
    told, _ = talk(facts=Closing(FOLIO, topic='mesa/topic-mail'))
    assert told.heard[0] == 'mesa/close-call-hello'
    question = told.heard.index('mesa/close-call-question')
    assert ''.join(p.removeprefix('digits/') for p in told.heard[:question] if p.startswith('digits/')) == FOLIO
    assert told.heard[question - 2:question] == ['mesa/close-call-category', 'mesa/topic-mail']


def test_solved_and_five() -> None:
    told, ending = talk('1', '5')
    assert told.done == [Confirmed(), Scored(5)] and ending == Goodbye()
    assert told.heard[-2:] == ['mesa/survey-thanks', 'mesa/close-call-thanks']


@pytest.mark.parametrize(('keys', 'done'), [
    (('1', '9', '3'), [Confirmed(), Scored(3)]),                   # 9 is no mark: asked once more
    (('1', SILENCE, '1'), [Confirmed(), Scored(1)]),
    (('1', '0', '6'), [Confirmed()]),
    (('1', '', ''), [Confirmed()]),
    (('1', SILENCE, SILENCE), [Confirmed()]),
    (('7', '1', '4'), [Confirmed(), Scored(4)]),                   # a wrong key first
    (('9',), [Later()]),
])
def test_what_the_keys_do(keys: tuple[str | None, ...], done: list[Any]) -> None:
    told, ending = talk(*keys)
    assert told.done == done and ending == Goodbye()


def test_not_solved_and_an_agent_at_once() -> None:
    told, ending = talk('2', '1')
    assert told.done == [Refused()] and ending == QUEUE
    assert 'mesa/close-call-reopened' in told.heard


@pytest.mark.parametrize('key', ['2', SILENCE, '9'])
def test_not_solved_without_an_agent(key: str | None) -> None:
    told, ending = talk('2', key)
    assert told.done == [Refused()] and ending == Goodbye()


def test_while_the_line_is_closed_no_agent_is_offered() -> None:
    told, ending = talk('2', '1', facts=Closing(FOLIO))
    assert 'mesa/close-call-agent' not in told.heard and ending == Goodbye()


@pytest.mark.parametrize('keys', [(), ('',), (SILENCE, SILENCE), ('', ''), ('3', '4')])
def test_silence_and_other_keys_twice_are_no_answer(keys: tuple[str | None, ...]) -> None:
    told, ending = talk(*keys)
    assert told.done == [] and ending == Goodbye() and told.heard[-1] == 'mesa/close-call-goodbye'
    assert told.heard.count('mesa/close-call-question') == 2


@pytest.mark.parametrize('key', ['1', '2'])
def test_what_changed_meanwhile_is_said(key: str) -> None:
    told, ending = talk(key, unchanged=False)
    assert 'mesa/close-call-changed' in told.heard and 'mesa/survey-ask' not in told.heard and ending == Goodbye()


def test_a_folio_that_was_answered_before_the_call_asks_nothing() -> None:
    told, ending = talk('1', facts=Closing(FOLIO, pending=False))
    assert told.done == [] and 'mesa/close-call-question' not in told.heard and ending == Goodbye()


@given(keys=st.lists(st.sampled_from([SILENCE, '', *'0123456789*']), max_size=5), agents=st.sampled_from([QUEUE, None]))
@settings(max_examples=80, deadline=None)
def test_whatever_is_pressed_each_answer_is_given_once_and_only_by_its_key(keys: list[str | None], agents: ToQueue | None) -> None:
    told, ending = talk(*keys, facts=Closing(FOLIO, agents=agents))
    answer = next((key for key in [*keys, SILENCE, SILENCE][:2] if key in ('1', '2', '9')), None)
    wanted = {'1': [Confirmed()], '2': [Refused()], '9': [Later()], None: []}[answer]
    assert [step for step in told.done if not isinstance(step, Scored)] == wanted
    assert isinstance(ending, Goodbye) or (ending == agents and answer == '2')
    assert set(heard.removeprefix('mesa/') for heard in told.heard if heard.startswith('mesa/')) <= {*PROMPTS, 'pause'}


def test_a_topic_is_said_where_it_has_a_recording() -> None:
    assert {f'topic-{name}' for name in TOPICS} <= PROMPTS.keys()
    assert topic_of('mail') == 'mesa/topic-mail'
    assert topic_of(None) is None and topic_of('sap-propio') is None and topic_of('../mail') is None
