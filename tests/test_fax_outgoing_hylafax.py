"""What HylaFAX's client programs say, read: as HylaFAX 6.0.7 said it, and as nobody should."""
from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fax.outgoing.hylafax import Hylafax, HylafaxError, told_in
from fax.outgoing.jobs import Told

LISTED = """
HylaFAX scheduler on mesa: Running

|mesa|JobTag|JID|State|Pages|TotPages|TotTries|TotDials|Status
|mesa|mesa-0123456789abcdef|12|R|1|3|1|2|
|mesa||13|W|0|0|0|0|

|mesa|JobTag|JID|State|Pages|TotPages|TotTries|TotDials|Status
|mesa|mesa-fedcba9876543210|2|F|0|0|0|0|Document is not valid TIFF (unspecified format error)\\

|mesa|mesa-00000000|3|D|2|2|1|1|a | b
"""


def test_jobs_are_read_with_their_whole_status() -> None:
    assert told_in(LISTED) == (
        Told('mesa-0123456789abcdef', 12, 'R', 1, 3, 1, 2, ''),
        Told('mesa-fedcba9876543210', 2, 'F', 0, 0, 0, 0, 'Document is not valid TIFF (unspecified format error)'),
        Told('mesa-00000000', 3, 'D', 2, 2, 1, 1, 'a | b'))


@pytest.mark.parametrize(('code', 'pages_sent', 'pages', 'sent'), [
    ('D', 3, 3, True), ('D', 0, 2, False), ('D', 0, 0, False), ('D', 1, 2, False), ('F', 2, 2, False), ('R', 2, 2, False)])
def test_done_is_believed_only_when_all_pages_went(code: str, pages_sent: int, pages: int, sent: bool) -> None:
    told = Told('mesa-1', 1, code, pages_sent, pages, 1, 1, '')
    assert told.all_sent is sent
    assert told.is_over is (code in 'DF')


@given(st.text(max_size=300))
def test_garbage_is_no_job(text: str) -> None:
    told_in(text)
    assert not [one for one in told_in(text.replace('|mesa|', '')) if one.tag == 'mesa-1']


@pytest.mark.parametrize('tag', ['', '-d', 'mesa 1', 'mesa-1\n', 'MESA-12345678', 'x' * 41, '$(reboot)'])
def test_a_tag_is_ours_or_it_is_not_given(tmp_path: Path, tag: str) -> None:
    with pytest.raises(ValueError, match='tag'):
        Hylafax(1, 'geheim', tmp_path).submit(tmp_path / 'x.tif', '+528005550105', tag, tries=1, dials=1)


def test_the_password_is_in_no_picture_of_it(tmp_path: Path) -> None:
    assert 'geheim' not in repr(Hylafax(1, 'geheim', tmp_path))


def test_a_machine_without_the_programs_is_told_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Hylafax(1, 'geheim', tmp_path)
    monkeypatch.setattr(Hylafax, '_environment', lambda self: {'PATH': '/nowhere'})
    with pytest.raises(HylafaxError, match='hylafax-client'):
        client.jobs()
