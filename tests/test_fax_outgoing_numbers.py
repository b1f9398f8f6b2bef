"""To whom a fax may be sent, and in whose name."""
from __future__ import annotations

import pytest

from config.load import load
from config.values import Site
from fax.outgoing.jobs import SendingError
from fax.outgoing.numbers import dialled, fax_number, sender_number
from tests.site_copies import EXAMPLE


@pytest.fixture(scope='module')
def site() -> Site:
    return load(EXAMPLE)


@pytest.mark.parametrize('text', ['5555550199', '55 5555 0199', '+52 55 5555 0199', '01 55 5555 0199', '044 55 5555 0199', ' 5555550199 '])
def test_every_mexican_spelling_is_understood(site: Site, text: str) -> None:
    assert fax_number(site, text) == '+525555550199'


@pytest.mark.parametrize(('text', 'why'), [
    ('911', 'emergency number'), ('9005550100', 'somebody earns'), ('+52 900 555 0100', 'somebody earns'), ('+1 212 555 0100', 'abroad'),
    ('0012125550100', 'abroad'), ('+5355501234', 'abroad'), ('', 'no telephone number'), ('HELLO', 'no telephone number'),
    ('1-800-CALL-NOW', 'no telephone number'), ('5555550199;ls', 'no telephone number'), ('-d5555550199x', 'no telephone number'),
    ('555555\n0199', 'no telephone number'), ('1234', 'no telephone number'), ('*70 5555550199', 'no telephone number'),
    ('8005550101', 'no fax machine answers'), ('５５５５５５０１９９', 'no telephone number')])
def test_what_is_never_dialled(site: Site, text: str, why: str) -> None:
    with pytest.raises(SendingError, match=why):
        fax_number(site, text)


def test_our_own_fax_lines_may_be_called(site: Site) -> None:
    assert fax_number(site, '8005550105') == '+528005550105'
    assert dialled('+528005550105') == '8005550105'


@pytest.mark.parametrize('number', ['+12125550100', '8005550105', '+52800555010', '+52800555010x', ''])
def test_the_modem_is_told_nothing_else(number: str) -> None:
    with pytest.raises(ValueError, match='not a Mexican number'):
        dialled(number)


def test_the_sender_is_the_fax_line_on_whose_behalf_it_is(site: Site) -> None:
    assert sender_number(site, 'nopalera', None) == '+528005550105'
    assert sender_number(site, 'nopalera', '+528005550101') == '+528005550105'
    assert sender_number(site, 'quetzal', '+528005550205') == '+528005550205'
    assert sender_number(site, None, None) == '' == sender_number(site, 'gone', None)
