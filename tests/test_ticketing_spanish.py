"""Whatever can stand in a timeline, a letter or an export has a Spanish name."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from config.values import Modality
from ticketing import spanish
from ticketing.call_backs import CANCELLED, GIVEN_UP, SERVED, WAITING, Outcome
from ticketing.closing.verification import PENDING
from ticketing.mail.letter_texts import NOTICES
from ticketing.privacy.titles import VALUES
from ticketing.values import EntryKind, Intake, Kind, Level, Move, Sending, State


@pytest.mark.parametrize(('names', 'words'), [
    (spanish.STATES, State), (spanish.MOVES, Move), (spanish.PRIORITIES, Level), (spanish.IMPACTS, Level), (spanish.MODALITIES, Modality),
    (spanish.KINDS, Kind), (spanish.ENTRIES, EntryKind), (spanish.LETTERS, NOTICES), (spanish.SENDINGS, Sending),
    (spanish.INTAKES, Intake), (spanish.CONFIRMATIONS, (*PENDING, 'confirmed', 'refused', 'unanswered', 'void')),
    (spanish.CALL_BACKS, (WAITING, SERVED, GIVEN_UP, CANCELLED))])
def test_every_word_of_a_list_has_a_name(names: Mapping[str, str], words: Iterable[str]) -> None:
    assert set(names) == {str(word) for word in words}
    assert all(name and name == name.strip() for name in names.values())


def test_an_export_shows_no_word_of_a_list_as_it_is_stored() -> None:
    for column, words in {
            'kind': (*EntryKind, *Kind, *spanish.FILES), 'state': (*State, *Sending, *spanish.CONFIRMATIONS, *spanish.CALL_BACKS),
            'outcome': (*Intake, *Outcome), 'move': Move, 'notice': NOTICES, 'waiting_for': ('user', 'supplier')}.items():
        assert not {str(word) for word in words} - set(VALUES[column]), column


def test_every_outcome_of_a_call_of_ours_has_a_name() -> None:
    of_close_calls = {'busy', 'no_answer', 'failed', 'lost', 'no_key', 'later', 'confirmed', 'refused'}
    assert set(spanish.CALLED) == of_close_calls | set(Outcome)


def test_what_is_told_of_a_priority() -> None:
    assert spanish.priority_words('medium', 'high', 'high', 'medium') == 'prioridad alta, antes media (impacto alto, urgencia media)'
    assert spanish.priority_words('low', 'low', 'low', 'low') == 'prioridad baja (impacto bajo, urgencia baja)'


def test_who_and_what_in_a_sentence() -> None:
    assert (spanish.party_name('user'), spanish.to_party('user'), spanish.of_party('contact')) == (
        'el usuario', 'al usuario', 'del contacto del cliente')
    assert (spanish.file_name('recording', 17), spanish.file_name('message', 3)) == ('la grabación 17', 'el mensaje de voz 3')
    assert (spanish.letter_name('resolved'), spanish.letter_name('unheard')) == ('correo «resuelto»', 'correo «unheard»')


def test_an_instant_is_told_in_the_zone() -> None:
    assert spanish.moment(datetime(2026, 11, 28, 2, tzinfo=UTC), ZoneInfo('America/Mexico_City')) == '27/11/2026 20:00'
