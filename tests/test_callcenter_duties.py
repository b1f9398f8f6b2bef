"""What the log tells of a duty that fails again and again."""
from __future__ import annotations

from collections.abc import Iterator

import pytest

from ami_listener.connection import AmiError
from callcenter.duties import Rounds


def rounds_of(*failures: Exception | None) -> Rounds:
    """A duty whose rounds fail like this, one after the other."""
    coming: Iterator[Exception | None] = iter(failures)

    def work() -> None:
        failure = next(coming)
        if failure is not None:
            raise failure
    return Rounds('call-backs', work)


def test_a_long_outage_is_two_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level('INFO', 'mesa')
    rounds = rounds_of(None, *[AmiError('the link is down')] * 50, None, None)
    for _ in range(53):
        rounds()
    assert caplog.messages == ['call-backs: the link is down; it is tried again', 'call-backs: it works again']
    assert not caplog.records[0].exc_info


def test_another_failure_is_told_and_the_same_one_after_a_success_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level('INFO', 'mesa')
    rounds = rounds_of(OSError('no room'), AmiError('down'), None, AmiError('down'), None)
    for _ in range(5):
        rounds()
    assert [message.partition(': ')[2].partition(';')[0] for message in caplog.messages] == [
        'no room', 'down', 'it works again', 'down', 'it works again']


def test_a_defect_of_ours_is_told_with_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    rounds = rounds_of(KeyError('folio'), AssertionError())
    rounds()
    rounds()
    first, second = caplog.records
    assert first.exc_info and 'raise failure' in caplog.text
    assert second.getMessage() == 'call-backs: AssertionError; it is tried again'
