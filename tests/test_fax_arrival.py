"""What HylaFAX's hook and `faxinfo` tell about a fax, whatever a caller put into his name."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fax.arrival import TOO_MANY_PAGES, Arrival, is_stem, of_arguments, of_faxinfo

STEM = 'fax000000170'


def args(*told: str) -> bytes:
    return b''.join(part.encode() + b'\0' for part in told)


def test_the_arguments_of_the_hook() -> None:
    told = args('recvq/fax000000170.tif', 'ttyIAX4670', '000000195', '', '5555550177', 'PAPELERIA LUNA', '528005550105')
    assert of_arguments(STEM, told) == Arrival(STEM, 'ttyIAX4670', '000000195', '', '5555550177', 'PAPELERIA LUNA', '528005550105')
    cut = args('recvq/fax000000170.tif', 'ttyIAX4670', '000000195', 'COMREC received DCN (sender abort)', '', '', '528005550105')
    assert of_arguments(STEM, cut).reason == 'COMREC received DCN (sender abort)'


def test_the_page_that_reached_the_limit_may_have_been_the_last_one() -> None:
    told = ('recvq/fax000000170.tif', 'ttyIAX4670', '000000195', f'{TOO_MANY_PAGES}, call terminated', '5555550177', '', '528005550105')
    assert of_arguments(STEM, args(*told, 'end=')).reason == f'{TOO_MANY_PAGES}, call terminated'
    assert of_arguments(STEM, args(*told, 'end=EOP')).reason == ''
    assert of_arguments(STEM, args(*told, 'end=EOP')).called_number == '528005550105'
    cut = ('f', 'd', 'c', 'COMREC received DCN (sender abort)', '5', 'end=EOP', '6', 'end=EOP')
    assert (of_arguments(STEM, args(*cut)).reason, of_arguments(STEM, args(*cut)).caller_name) == (cut[3], 'end=EOP')


@pytest.mark.parametrize('raw', [b'', b'\0', b'\0\0\0', b'recvq/x.tif', b'\xff\xfe\0\xff', args('a', 'b')])
def test_arguments_that_are_missing_or_no_text(raw: bytes) -> None:
    assert of_arguments(STEM, raw).file == STEM


@given(st.binary(max_size=300))
def test_any_bytes_make_an_arrival_of_clean_texts(raw: bytes) -> None:
    told = of_arguments(STEM, raw)
    texts = [getattr(told, name) for name in Arrival.__dataclass_fields__]
    assert all(text.isprintable() and len(text) <= 500 for text in texts)
    assert set(told.caller_number + told.called_number) <= set('0123456789+')


def test_a_name_that_is_a_command_is_a_name() -> None:
    told = of_arguments(STEM, args('f', 'd', 'c', '', '55"; DROP', '$(reboot)\r\nEvent: Hangup', '+52 800 555 0105'))
    assert (told.caller_number, told.caller_name, told.called_number) == ('55', '$(reboot) Event: Hangup', '+528005550105')


def test_what_stands_in_a_file_that_nobody_announced() -> None:
    told = '   fax000000170.tif:\n   Sender: X\n   Pages: 2\n   CallID1: 5555550177\n   CallID2: JUAN\n   CallID3: 528005550105\n'
    assert of_faxinfo(STEM, told) == Arrival(STEM, caller_number='5555550177', caller_name='JUAN', called_number='528005550105')
    assert of_faxinfo(STEM, '') == Arrival(STEM)


def test_which_names_are_hylafax_s() -> None:
    assert is_stem('fax000000170') and is_stem('fax1')
    assert not any(map(is_stem, ('', 'fax', '.fax1', 'fax1.tif', '../fax1', 'fax1\n', 'seqf', 'faxa')))
