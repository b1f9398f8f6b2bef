"""Lines of the journal as values; whatever is no row is refused by one error."""
from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_listener.rows import CEL_FIELDS, NotARow, OwnRow, own_line, read_cel, read_own, read_queue
from config.render import TEMPLATES
from tests.recorded_calls import RECORDED


def cel_line(**fields: str) -> str:
    """A CEL line as Asterisk would write it."""
    facts = {'eventenum': 'USER_DEFINED', 'eventtime': '1795365172.370797', 'uniqueid': '1.1', 'linkedid': '1.0'}
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator='').writerow([(facts | fields).get(name, '') for name in CEL_FIELDS])
    return out.getvalue()


def test_the_fields_are_those_that_asterisk_is_told_to_write() -> None:
    template = (TEMPLATES / 'cel_custom.conf.j2').read_text()
    assert f'fields = {",".join(CEL_FIELDS)}\n' in template


def test_every_recorded_line_is_a_row() -> None:
    for recording in RECORDED.values():
        assert len(recording.rows) == len(recording.cel) + len(recording.queue)


@given(st.text(st.characters(codec='utf-8', exclude_characters='\n\r\0'), max_size=60))
@settings(max_examples=100, deadline=None)
def test_any_text_of_a_channel_comes_back(text: str) -> None:
    row = read_cel(cel_line(num=text, peer=text, eventextra=json.dumps({'extra': text})))
    assert (row.number, row.peer) == (text, text)


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_line_is_a_row_or_no_row(line: str) -> None:
    for read in (read_cel, read_queue):
        try:
            read(line)
        except NotARow as error:
            assert str(error)


@pytest.mark.parametrize('line', [
    '', '"', '"a","b"', cel_line(eventtime='yesterday'), cel_line(eventtime='99999999999.000000'), cel_line(uniqueid=''),
    cel_line(linkedid='x' * 151), cel_line(eventextra='{'), cel_line(eventextra='[1]'), cel_line(eventextra='[' * 100_000),
    cel_line(eventenum='HANG UP'), cel_line() + ',', cel_line()[:-1], cel_line(appdata='x' * 200_000),
])
def test_what_is_no_channel_event_is_refused(line: str) -> None:
    with pytest.raises(NotARow):
        read_cel(line)


def test_what_json_can_spell_and_no_database_can_store_is_dropped() -> None:
    row = read_cel(cel_line(eventextra='{"extra": "open\\u0000|x\\ud800y\\n"}'))
    assert row.extra == {'extra': 'open |x?y '}


def test_queue_log() -> None:
    row = read_queue('1795365176|1795365170.4|soporte|ana|CONNECT|4|1795365173.6|0')
    assert (row.event, row.at_us, row.linkedid, row.queue, row.agent, row.data) == (
        'CONNECT', 1795365176_000000, '1795365170.4', 'soporte', 'ana', ('4', '1795365173.6', '0'))
    assert read_queue('1795365172|NONE|NONE|NONE|QUEUESTART|').linkedid == ''


def test_own_rows_come_back() -> None:
    row = OwnRow('FOLIO', 5, '1795365170.4', '12345674')
    assert read_own(own_line(row)) == row
