"""Every way in which a Mexican number is written or presented leads to one E.164 form; anything else to none."""
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.phones import e164, national, spellings


@pytest.mark.parametrize('text', [
    '5555550101', '+525555550101', '525555550101', '5215555550101', '+5215555550101', '015555550101', '0445555550101', '0455555550101',
    '00525555550101', '005215555550101', '55 5555 0101', '(55) 5555-0101', '+52 55 5555 0101', '+52 1 55 5555 0101', '55.5555.0101',
    ' 01 (55) 5555 01 01 ', '+52\u00a055\u00a05555\u00a00101', '55\u20135555\u20130101',
])
def test_one_number_in_all_its_spellings(text):
    assert e164(text) == '+525555550101'


@pytest.mark.parametrize(('text', 'expected'), [
    ('8005550101', '+528005550101'),
    ('01 800 555 0101', '+528005550101'),
    ('5215555555', '+525215555555'),                   # ten digits are a number as they stand, whatever they begin with
    ('+1 212 555 0100', '+12125550100'),
    ('0012125550100', '+12125550100'),
    ('+34 910 000 000', '+34910000000'),
    ('+44 (0)20 7946 0000', '+442079460000'),
])
def test_other_numbers(text, expected):
    assert e164(text) == expected


@pytest.mark.parametrize('text', [
    '', ' ', 'anonymous', 'unknown', 'Anonymous', 'unavailable', 'asterisk', 's', '911', '1001', '55550101', '0000000000', '1234567890',
    '55555501011', '+52555555010', '+5255555501011', '+520555550101', '+', '++525555550101', '+52+5555550101', '52', '521', '00', '0052',
    '+999123456789', '+15550101', '+1', '5555550101;ext=5', '5555550101@pbx.example', 'sip:5555550101', '8005550101\n', '8005550101\0',
    '"; DROP TABLE users; --', '${SHELL(id)}', '٥٥٥٥٥٥٠١٠١', '５５５５５５０１０１', '²²²²²²²²²²', '800CALLNOW', '9' * 10_000,
    '+' + '1' * 39, '+8100000000000000',
])
def test_what_is_no_number(text):
    assert e164(text) is None


@given(st.one_of(st.text(), st.from_regex(r'\+?[0-9 ()./-]{0,25}', fullmatch=True)))
def test_any_text_gives_a_canonical_number_or_none(text):
    number = e164(text)
    if number is not None:
        assert re.fullmatch(r'\+[1-9][0-9]{5,14}', number)
        assert e164(number) == number
        if number.startswith('+52'):
            assert len(number) == 13


def test_national_is_what_one_dials_at_home():
    assert national('+528005550101') == '8005550101'


@pytest.mark.parametrize('number', ['8005550101', '+12125550100', '+5280055501', '+52800555010x', '', '+52٥٥٥٥٥٥٠١٠١'])
def test_national_refuses_what_is_not_mexican(number):
    with pytest.raises(ValueError, match='not a Mexican number'):
        national(number)


def test_every_spelling_a_trunk_may_dial_leads_back():
    assert spellings('+528005550101') == ('8005550101', '528005550101', '+528005550101', '018005550101')
    assert {e164(text) for text in spellings('+528005550101')} == {'+528005550101'}
