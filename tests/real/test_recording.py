"""Conversations recorded with the caller's leave (mission.md 3.8), on the real Asterisk."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from callcenter.caller import Caller
from callcenter.following import Spoken
from callcenter.listening import Queued
from tests.real.callers import NOPALERA, Books, eventually, follow, loudness, met, phone_of, prompt, queued, silences
from tests.real.instance import RealMesa
from tests.real.phones import AgentPhone, agent, caller
from ticketing.folios import EntryKind

TUESDAY = '2026-11-24T10:00'
SPOKEN_S = 1.5


@pytest.fixture(scope='module')
def recording_mesa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealMesa]:
    """All conversations are recorded, unless the caller refuses."""
    def edit(site: Path) -> None:
        file = site / 'site.toml'
        file.write_text(file.read_text().replace('[policy]\n', '[policy]\nrecording = true\n'))
    mesa = RealMesa(tmp_path_factory.mktemp('rec'), edit, TUESDAY)
    yield mesa
    mesa.stop()


@pytest.fixture
def books(recording_mesa: RealMesa) -> Iterator[Books]:
    kept = Books(recording_mesa)
    yield kept
    kept.close()


def talk(line: Caller, ana: AgentPhone) -> None:
    """First the agent speaks, then the caller; then the caller hangs up."""
    ana.listen()
    ana.speak(SPOKEN_S)
    ana.expect('spoken', 10)
    line.speak(SPOKEN_S)
    line.expect(Spoken)


def test_a_recorded_conversation_has_both_voices_and_nothing_before_it(recording_mesa: RealMesa, books: Books) -> None:
    (user,) = books.strangers(1)
    with caller(recording_mesa.instance, NOPALERA, phone_of(user)) as line:
        line.dial()
        follow(line, '0,2', prompt('mesa/privacy-recording'))
        line.expect(Queued, 45)                         # the notice is long
        line.speak(2.0)                                # heard by nobody yet: it must not be kept
        line.expect(Spoken)
        with agent(recording_mesa.instance, 'ana', auto_answer_s=0.2) as ana:
            follow(line, '', met)
            talk(line, ana)
            line.hang_up()
            line.finish()
            ana.expect_over()
        linkedid = line.linkedid
    folio = books.folio_of(linkedid)
    assert folio and linkedid
    (entry,) = eventually(lambda: books.entries(folio.number, EntryKind.RECORDING), lambda found: len(found) == 1, 'the recording')
    file = recording_mesa.root / 'recordings' / f'{linkedid}.wav'
    assert entry.text.startswith(f'{linkedid}.wav (')
    record = books.call(linkedid, folio.number)
    seconds, rms = loudness(file)
    assert record.recorded and record.talk_s
    assert -1.0 < seconds - record.talk_s < 0.5        # of a telephone without processor time a little is missing; too much is never there
    assert rms > 500
    loud = seconds - sum(until - since for since, until in silences(file))
    assert loud > 2 * SPOKEN_S * 0.6                   # both of them
    assert books.privacy(folio.number) == [('mesa/privacy-recording', 'aceptado')]


def test_who_refuses_is_served_unrecorded(recording_mesa: RealMesa, books: Books) -> None:
    (user,) = books.strangers(1)
    with caller(recording_mesa.instance, NOPALERA, phone_of(user)) as line, agent(recording_mesa.instance, 'ana', auto_answer_s=0.2) as ana:
        line.dial()
        follow(line, '0,2,9', met)
        talk(line, ana)
        line.hang_up()
        line.finish()
        linkedid = line.linkedid
    folio = books.folio_of(linkedid)
    assert folio
    assert not books.call(linkedid, folio.number).recorded
    assert books.privacy(folio.number) == [('mesa/privacy-recording', 'rechazado')]
    assert not (recording_mesa.root / 'recordings' / f'{linkedid}.wav').exists()


def test_who_hangs_up_in_the_queue_leaves_no_file(recording_mesa: RealMesa, books: Books) -> None:
    (user,) = books.strangers(1)
    with caller(recording_mesa.instance, NOPALERA, phone_of(user)) as line:
        line.dial()
        follow(line, '0,2,1', queued)
        line.speak(1.0)
        line.hang_up()
        line.finish()
        linkedid = line.linkedid
    books.call(linkedid)
    eventually(lambda: list((recording_mesa.root / 'recordings').glob(f'{linkedid}*')), lambda found: not found, 'no file is left')
    folio = books.folio_of(linkedid)
    assert folio and books.abandoned(folio.number) and not books.entries(folio.number, EntryKind.RECORDING)
