"""Values as sound files: which recordings, in which order, say a number, a telephone number, a moment or a wait.

Names are those of Asterisk's Mexican Spanish set (`digits/`) and of our own (`mesa/`). That set was made for other
sentences than ours: its `digits/1` is 'uno' and `digits/1M` is 'un', its `digits/hundred` is 'cien' and there is no
`digits/100`, its `digits/20-and` is the old-fashioned 'veinte y', and there is no 'veintiún' at all.
"""
from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import chain

from ivr_flows.steps import Prompts

PAUSE = 'mesa/pause'
BIGGEST = 9999
MEXICO = '+52'
NATIONAL_DIGITS = 10
TWO_DIGIT_AREAS = ('33', '55', '56', '81')             # every other area, and 800, has three digits
PARTS_OF_THE_DAY = (                                   # the hour from which on, of 24
    (19, 'mesa/at-night'),
    (13, 'mesa/in-the-afternoon'),
    (12, 'mesa/at-noon'),
    (6, 'mesa/in-the-morning'),
    (1, 'mesa/in-the-small-hours'),
    (0, 'mesa/at-night'),
)


def digits(text: str, group: int = 2) -> Prompts:
    """The digits one by one, with a short pause after each group; ValueError when there is anything but 0 to 9."""
    return _in_groups(text, [group] * -(-len(text) // group))


def phone(e164: str) -> Prompts:
    """A telephone number as Mexicans say it: ten national digits as 2-4-4, or 3-3-4 for 800 and three-digit areas.

    A number of another country is said whole, in threes. ValueError when it is not E.164.
    """
    if not e164.startswith('+'):
        raise ValueError(f'{e164!r} is not a number in E.164')
    national = e164.removeprefix(MEXICO)
    if national == e164 or len(national) != NATIONAL_DIGITS:
        return digits(e164[1:], 3)
    return _in_groups(national, (2, 4, 4) if national.startswith(TWO_DIGIT_AREAS) else (3, 3, 4))


def number(n: int, before_noun: bool = False) -> Prompts:
    """A cardinal from 0 to 9999, masculine; `before_noun` shortens it: 'un', 'veintiún', 'treinta y un' minutos.

    ValueError outside the range.
    """
    if not 0 <= n <= BIGGEST:
        raise ValueError(f'{n} cannot be said: only 0 to {BIGGEST}')
    if n == 0:
        return ('digits/0',)
    thousands, rest = divmod(n, 1000)
    return (*_thousands(thousands), *_hundreds(rest, before_noun))


def moment(local: datetime) -> Prompts:
    """Weekday, day, month and time, 'viernes 25 de diciembre a las 8 y 5 de la mañana', in the zone that `local` carries.

    ValueError when it carries none, since only a local time may be said to a caller.
    """
    if local.tzinfo is None:
        raise ValueError(f'{local} has no zone and cannot be said')
    return (
        f'digits/day-{local.isoweekday() % 7}',        # the set counts from Sunday, and months from 0
        *_day_of_month(local.day),
        'digits/es-de',
        f'digits/mon-{local.month - 1}',
        *_time_of_day(local.hour, local.minute),
    )


def wait(seconds: float) -> Prompts:
    """'El tiempo aproximado de espera es de' so many minutes, rounded up; more than 60 are 'más de una hora' (mission.md 3.6)."""
    minutes = -(-max(0, int(seconds)) // 60)
    if seconds < 60:
        told: Prompts = ('mesa/less-than-a-minute',)
    elif minutes == 1:
        told = (*number(1, before_noun=True), 'mesa/minute')
    elif minutes <= 60:
        told = (*number(minutes, before_noun=True), 'mesa/minutes')
    else:
        told = ('mesa/more-than-an-hour',)
    return ('mesa/wait-about', *told)


def seconds(prompts: Prompts, lengths: Mapping[str, float]) -> float:
    """How long the prompts take to hear, given the seconds of each sound file; KeyError names the one that is unknown."""
    return sum(lengths[prompt] for prompt in prompts)


def _in_groups(text: str, sizes: tuple[int, ...] | list[int]) -> Prompts:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f'{text!r} is not a row of digits')
    groups, rest = [], text
    for size in sizes:
        groups.append(tuple(f'digits/{digit}' for digit in rest[:size]))
        rest = rest[size:]
    return tuple(chain.from_iterable((*group, PAUSE) for group in groups))[:-1]


def _thousands(n: int) -> Prompts:
    if n == 0:
        return ()
    return ('digits/thousand',) if n == 1 else (f'digits/{n}', 'digits/thousand')


def _hundreds(n: int, before_noun: bool) -> Prompts:
    if n == 100:
        return ('digits/hundred',)
    hundreds, rest = divmod(n, 100)
    spoken: Prompts = () if hundreds == 0 else ('digits/100-and',) if hundreds == 1 else (f'digits/{hundreds}00',)
    return (*spoken, *_tens(rest, before_noun))


def _tens(n: int, before_noun: bool) -> Prompts:
    if n == 0:
        return ()
    if n == 21 and before_noun:
        return ('mesa/twenty-one',)
    if n == 1 and before_noun:
        return ('digits/1M',)
    if n <= 30 or n % 10 == 0:
        return (f'digits/{n}',)
    return (f'digits/{n - n % 10}', 'digits/and', *_tens(n % 10, before_noun))


def _day_of_month(day: int) -> Prompts:
    """The first is an ordinal in Mexico: 'primero de mayo'."""
    return ('digits/h-1',) if day == 1 else number(day)


def _time_of_day(hour: int, minute: int) -> Prompts:
    twelve = (hour - 1) % 12 + 1
    clock: Prompts = ('mesa/at-hour-one', 'digits/1F') if twelve == 1 else ('mesa/at-hour', f'digits/{twelve}')
    minutes: Prompts = () if minute == 0 else ('digits/and', *number(minute)) if minute < 10 else number(minute)
    part = next(name for since, name in PARTS_OF_THE_DAY if hour >= since)
    return (*clock, *minutes, part)
