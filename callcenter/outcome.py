"""A call summed up from its story: how it ended, what was heard, when the first sound came."""
from __future__ import annotations

import wave
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from callcenter.following import Answered, Audible, Dialled, Ended, Happening, Pressed
from callcenter.listening import AskedMesa, FellBack, FolioNamed, HandedOver, Met, Prompted, PromptTexts, Queued, Recording, spoken_digits
from config.phones import e164

AUDIBLE = 300                                          # of 32768: far above the noise of silence, far below a voice
WINDOW = 80                                            # samples: 10 ms
NO_RESPONSE = (408, 502, 503)                          # what PJSIP itself says when nobody answers


@dataclass(frozen=True)
class Outcome:
    """How a call went. Times are seconds from the INVITE, sent or received; `first_audio_s` holds those from it and from the answer."""

    number: str
    caller: str
    folio: str | None
    queue: str | None
    outcome: str
    heard: tuple[dict[str, object], ...]
    keys: tuple[str, ...]
    answered_at: float | None
    duration: float | None
    first_audio_s: dict[str, float] | None
    sip_status: str
    linkedid: str | None
    wav: str | None
    voice_message: bool

    def facts(self) -> dict[str, object]:
        """For scripts; `from` is the caller."""
        told = dict(vars(self))
        caller = told.pop('caller')
        return {'number': told.pop('number'), 'from': caller, **told}


def outcome_of(story: list[Happening], *, number: str, caller: str, why: str | None, texts: PromptTexts,
               linkedid: str | None = None, wav: Path | None = None) -> Outcome:
    """Sum a call up (pure, but for reading the recording)."""
    start = next((h.at for h in story if isinstance(h, Dialled)), story[0].at if story else 0.0)
    answered = next((h.at for h in story if isinstance(h, Answered)), None)
    ended = next((h for h in story if isinstance(h, Ended)), None)
    end_at = ended.at if ended else (story[-1].at if story else start)
    folios = [h.number for h in story if isinstance(h, FolioNamed)]
    queues = [h.queue for h in story if isinstance(h, Queued)]
    return Outcome(
        number=e164(number) or number, caller=e164(caller) or caller,
        folio=folios[-1] if folios else folio_spoken(story), queue=queues[-1] if queues else None,
        outcome=verdict(story, why, linkedid is not None),
        heard=tuple(heard(story, start, texts)), keys=tuple(h.keys for h in story if isinstance(h, Pressed)),
        answered_at=None if answered is None else round(answered - start, 3),
        duration=None if answered is None else round(end_at - answered, 3),
        first_audio_s=first_audio(story, start, answered, wav),
        sip_status=f'{ended.code} {ended.reason}' if ended else '', linkedid=linkedid, wav=str(wav) if wav else None,
        voice_message=any(isinstance(h, Recording) and h.message for h in story))


def verdict(story: list[Happening], why: str | None, has_channel: bool) -> str:
    """The outcome in one word."""
    kinds = {type(h) for h in story}
    ended = next((h for h in story if isinstance(h, Ended)), None)
    if Answered not in kinds and why in (None, 'not_connected'):
        unreached = ended is None or why is not None or (ended.code in NO_RESPONSE and not has_channel)
        return 'not_connected' if unreached else 'rejected'
    if why == 'h':
        return 'hung_up'
    if FellBack in kinds:
        return 'fallback'
    milestone = next((h for h in reversed(story) if isinstance(h, Queued | Met | Recording) and not _is_description(h)), None)
    if milestone is not None:
        return {Queued: 'queued', Met: 'answered', Recording: 'voice_message'}[type(milestone)]
    if why == 'timeout':
        return 'timed_out'
    return 'dropped' if AskedMesa in kinds and HandedOver not in kinds else 'goodbye'


def _is_description(happening: Happening) -> bool:
    return isinstance(happening, Recording) and not happening.message


def heard(story: list[Happening], start: float, texts: PromptTexts) -> Iterable[dict[str, object]]:
    """Every prompt that began; pauses are not heard."""
    for happening in story:
        if isinstance(happening, Prompted):
            for prompt in happening.prompts:
                if not is_pause(prompt):
                    yield {'at': round(happening.at - start, 2), 'prompt': prompt, 'text': texts.text(prompt)}


def is_pause(prompt: str) -> bool:
    """Whether a sound file holds silence only."""
    return prompt == 'mesa/pause' or prompt.startswith('silence/')


def folio_spoken(story: list[Happening]) -> str | None:
    """The folio number that the caller heard, None when none was said."""
    spoken = (spoken_digits(h.prompts, 'mesa/your-folio') for h in story if isinstance(h, Prompted))
    return next((digits for digits in spoken if digits), None)


def first_audio(story: list[Happening], start: float, answered: float | None, wav: Path | None) -> dict[str, float] | None:
    """Seconds of silence until the first sound, by the recording; by the telephone's meter when there is none."""
    offset = silence_before_sound(wav) if wav else None
    meter = next((h.at for h in story if isinstance(h, Audible)), None)
    at = answered + offset if answered is not None and offset is not None else meter
    if at is None or answered is None:
        return None
    return {'from_invite': round(at - start, 3), 'from_answer': round(at - answered, 3)}


def silence_before_sound(wav: Path) -> float | None:
    """Seconds until the first audible sample of a recording, None when there is none."""
    try:
        with wave.open(str(wav)) as sound:
            samples = array('h', sound.readframes(sound.getnframes()))
            rate = sound.getframerate()
    except (OSError, EOFError, wave.Error):
        return None
    found = next((n for n in range(0, len(samples), WINDOW) if max(map(abs, samples[n:n + WINDOW])) > AUDIBLE), None)
    return None if found is None else found / rate
