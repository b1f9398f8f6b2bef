"""The sound folder of an instance: links, the admin's recordings and texts, and what is refused.

Texts are spoken by the real espeak-ng and converted by the real sox; Asterisk's own set is a folder with a few small files.
"""
import shutil
import struct
import wave
from dataclasses import replace
from pathlib import Path

import pytest

from callcenter import voices
from callcenter.console import Complaint
from config.load import load

EXAMPLE = Path(__file__).parents[1] / 'config' / 'example'
needs_speech = pytest.mark.skipif(not (shutil.which('espeak-ng') and shutil.which('sox')), reason='espeak-ng or sox is not installed')
needs_sox = pytest.mark.skipif(not shutil.which('sox'), reason='sox is not installed')


@pytest.fixture
def prefix(tmp_path):
    share = tmp_path / 'prefix/usr/share/asterisk'
    for name in ('sounds/es_MX_f_Allison/digits/4.wav', 'sounds/es_MX_f_Allison/beep.wav',
                 'sounds/en_US_f_Allison/beep.wav', 'moh/music.wav'):
        (share / name).parent.mkdir(parents=True, exist_ok=True)
        write_wav(share / name, seconds=0.25)
    return tmp_path / 'prefix'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'site/prompts').mkdir(parents=True)
    return tmp_path / 'site'


@pytest.fixture
def share(tmp_path):
    return tmp_path / 'share'


@pytest.fixture(scope='module')
def example():
    return load(EXAMPLE)


@pytest.fixture
def site_of(example):
    return lambda **texts: replace(example, prompt_texts={name.replace('_', '-'): text for name, text in texts.items()})


def write_wav(path, seconds=0.5, rate=8000, channels=1, width=2):
    """A tone that no silence rule would cut."""
    frame = (b'\x00\x10' * 2)[:width] * channels
    with wave.open(str(path), 'wb') as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(rate)
        out.writeframes(b''.join(frame if at // 10 % 2 else b'\0' * len(frame) for at in range(int(seconds * rate))))


def raw_wav(tag=1, channels=1, rate=8000, bits=16, sound=b'\0\x10' * 400, told=None, extra=b''):
    """A WAV put together by hand, for headers that the standard library does not write."""
    form = struct.pack('<HHIIHH', tag, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits) + extra
    told = len(sound) if told is None else told
    body = b'WAVE' + b'fmt ' + struct.pack('<I', len(form)) + form + b'data' + struct.pack('<I', told) + sound
    return b'RIFF' + struct.pack('<I', len(body)) + body


def fits_a_telephone(file):
    with wave.open(str(file)) as sound:
        return (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (8000, 1, 2) and sound.getnframes() > 0


def test_asterisk_finds_its_own_sounds_and_ours(prefix, share, folder, site_of):
    report = voices.lay_out_sounds(prefix, share, site_of(), folder)
    spanish = share / 'sounds/es_MX'
    assert (spanish / 'digits/4.wav').is_file()
    assert (spanish / 'mesa/greeting.wav').is_file()
    assert (share / 'sounds/en/beep.wav').is_file()
    assert (share / 'moh/music.wav').is_file()
    assert not (share / 'sounds').is_symlink()
    assert report.linked > 100
    assert (report.spoken, report.recorded) == ((), ())


def test_the_second_time_nothing_is_made(prefix, share, folder, site_of):
    write_wav(folder / 'prompts/hello.wav')
    voices.lay_out_sounds(prefix, share, site_of(), folder)
    made = (share / 'sounds/es_MX/site/hello.wav').stat()
    assert voices.lay_out_sounds(prefix, share, site_of(), folder) == voices.SoundReport(0, (), (), ('hello',))
    assert (share / 'sounds/es_MX/site/hello.wav').stat() == made


def test_links_follow_another_asterisk(prefix, share, folder, site_of, tmp_path):
    voices.lay_out_sounds(prefix, share, site_of(), folder)
    newer = prefix.rename(tmp_path / 'newer')
    (newer / 'usr/share/asterisk/sounds/es_MX_f_Allison/beep.wav').unlink()
    voices.lay_out_sounds(newer, share, site_of(), folder)
    assert (share / 'sounds/es_MX/digits/4.wav').is_file()
    assert not (share / 'sounds/es_MX/beep.wav').is_symlink()


def test_a_link_in_place_of_our_folder_is_not_followed(prefix, share, folder, site_of):
    theirs = prefix / 'usr/share/asterisk/sounds'
    share.mkdir()
    (share / 'sounds').symlink_to(theirs)
    voices.lay_out_sounds(prefix, share, site_of(), folder)
    assert sorted(entry.name for entry in theirs.iterdir()) == ['en_US_f_Allison', 'es_MX_f_Allison']


@needs_speech
def test_a_text_is_spoken_and_spoken_again_only_when_it_changes(prefix, share, folder, site_of):
    file = share / 'sounds/es_MX/site/hello.wav'
    assert voices.lay_out_sounds(prefix, share, site_of(hello='Buenos días.'), folder).spoken == ('hello',)
    first = file.read_bytes()
    assert fits_a_telephone(file)
    assert 0.4 < voices.lengths(share)['site/hello'] < 3
    assert voices.lay_out_sounds(prefix, share, site_of(hello='Buenos días.'), folder).unchanged == ('hello',)
    assert voices.lay_out_sounds(prefix, share, site_of(hello='Buenos días a todos ustedes.'), folder).spoken == ('hello',)
    assert file.stat().st_size > len(first)


@needs_speech
@pytest.mark.parametrize('text', ['--version', '$(touch /tmp/no); `id`', '-w /etc/passwd año', '<voice name="en">hola</voice>'])
def test_a_text_is_only_ever_spoken(prefix, share, folder, site_of, text):
    voices.lay_out_sounds(prefix, share, site_of(hello=text), folder)
    assert fits_a_telephone(share / 'sounds/es_MX/site/hello.wav')


@needs_speech
def test_a_text_of_which_nothing_can_be_heard_is_refused(prefix, share, folder, site_of):
    with pytest.raises(Complaint, match='hello'):
        voices.lay_out_sounds(prefix, share, site_of(hello='...'), folder)
    assert not (share / 'sounds/es_MX/site/hello.wav').exists()


@needs_speech
def test_a_recording_wins_over_a_text_and_the_text_comes_back(prefix, share, folder, site_of):
    site = site_of(hello='Buenos días.')
    file = share / 'sounds/es_MX/site/hello.wav'
    voices.lay_out_sounds(prefix, share, site, folder)
    write_wav(folder / 'prompts/hello.wav')
    assert voices.lay_out_sounds(prefix, share, site, folder).recorded == ('hello',)
    assert file.read_bytes() == (folder / 'prompts/hello.wav').read_bytes()
    (folder / 'prompts/hello.wav').unlink()
    assert voices.lay_out_sounds(prefix, share, site, folder).spoken == ('hello',)


@needs_sox
@pytest.mark.parametrize('rate, channels, width', [(44100, 2, 2), (16000, 1, 2), (8000, 1, 1), (48000, 1, 3)])
def test_another_plain_wav_is_converted(prefix, share, folder, site_of, rate, channels, width):
    write_wav(folder / 'prompts/hello.wav', 0.5, rate, channels, width)
    voices.lay_out_sounds(prefix, share, site_of(), folder)
    assert fits_a_telephone(share / 'sounds/es_MX/site/hello.wav')
    assert voices.lengths(share)['site/hello'] == pytest.approx(0.5, abs=0.01)


@needs_sox
@pytest.mark.parametrize('content', [
    raw_wav(tag=0xFFFE, extra=struct.pack('<HHIH14s', 22, 16, 4, 1, b'\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71')),
    raw_wav(told=0x7FFFFFFF),
], ids=['extensible header', 'length unknown'])
def test_odd_but_honest_headers_are_mended(prefix, share, folder, site_of, content):
    (folder / 'prompts/hello.wav').write_bytes(content)
    voices.lay_out_sounds(prefix, share, site_of(), folder)
    assert fits_a_telephone(share / 'sounds/es_MX/site/hello.wav')


@pytest.mark.parametrize('content, says', [
    (b'', 'no WAV'), (b'ID3' + b'\0' * 100, 'no WAV'), (b'RIFF\x04\0\0\0WAVE', 'header is not complete'),
    (raw_wav()[:30], 'header is not complete'),
    (raw_wav(tag=0x31), 'compressed'), (raw_wav(tag=7, bits=8), 'compressed'), (raw_wav(sound=b''), 'no sound'),
    (raw_wav(channels=0), 'makes no sense'), (raw_wav(rate=0), 'makes no sense'),
])
def test_a_recording_that_cannot_be_played_is_refused_in_a_sentence(prefix, share, folder, site_of, content, says):
    (folder / 'prompts/hello.wav').write_bytes(content)
    with pytest.raises(Complaint, match=f'hello.wav .*{says}'):
        voices.lay_out_sounds(prefix, share, site_of(), folder)
    [problem] = voices.recording_problems(folder)
    assert says in problem.message
    assert problem.where.file == 'prompts/hello.wav'


def test_a_recording_that_leads_elsewhere_is_refused(prefix, share, folder, site_of, tmp_path):
    write_wav(tmp_path / 'elsewhere.wav')
    (folder / 'prompts/hello.wav').symlink_to(tmp_path / 'elsewhere.wav')
    with pytest.raises(Complaint, match='leads out of'):
        voices.lay_out_sounds(prefix, share, site_of(), folder)


def test_a_name_cannot_lead_out_of_the_folder(prefix, share, folder, example):
    with pytest.raises(Complaint, match='no name for a prompt'):
        voices.lay_out_sounds(prefix, share, replace(example, prompt_texts={'../../digits/4': 'cuatro'}), folder)


def test_what_an_earlier_site_named_can_still_be_heard(prefix, share, folder, site_of):
    write_wav(folder / 'prompts/hello.wav')
    voices.lay_out_sounds(prefix, share, site_of(), folder)
    (folder / 'prompts/hello.wav').unlink()
    voices.lay_out_sounds(prefix, share, site_of(), folder)
    assert (share / 'sounds/es_MX/site/hello.wav').is_file()
    assert 'site/hello' not in voices.known_prompts(prefix, site_of(), folder)


def test_a_missing_program_is_named(prefix, share, folder, site_of, monkeypatch):
    monkeypatch.setenv('PATH', '/nowhere')
    with pytest.raises(Complaint, match='apt install espeak-ng'):
        voices.lay_out_sounds(prefix, share, site_of(hello='Hola.'), folder)


def test_an_asterisk_without_spanish_is_named(tmp_path, share, folder, site_of):
    with pytest.raises(Complaint, match='asterisk-core-sounds-es-wav'):
        voices.lay_out_sounds(tmp_path / 'nothing', share, site_of(), folder)


def test_a_damaged_memory_only_costs_time(prefix, share, folder, site_of):
    write_wav(folder / 'prompts/hello.wav')
    voices.lay_out_sounds(prefix, share, site_of(), folder)
    (share / 'sounds/es_MX/site' / voices.MEMORY).write_text('{"hello":')
    assert voices.lay_out_sounds(prefix, share, site_of(), folder).recorded == ('hello',)


def test_known_prompts_are_exactly_what_is_laid_out(prefix, share, example):
    known = voices.known_prompts(prefix, example, EXAMPLE)
    assert {'digits/4', 'beep', 'mesa/greeting', 'mesa/pause', 'site/nopalera-greeting'} <= known
    if shutil.which('espeak-ng') and shutil.which('sox'):
        voices.lay_out_sounds(prefix, share, example, EXAMPLE)
        assert voices.lengths(share).keys() == known


def test_lengths_are_seconds(prefix, share, folder, site_of):
    voices.lay_out_sounds(prefix, share, site_of(), folder)
    assert voices.lengths(share)['digits/4'] == pytest.approx(0.25)
    assert voices.lengths(share)['mesa/pause'] == pytest.approx(0.3)


def test_the_demo_has_no_recording_problems():
    assert voices.recording_problems(EXAMPLE) == []
