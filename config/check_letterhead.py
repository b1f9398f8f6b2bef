"""Checks of the letterhead: whether what is printed in its colours can be read (mission.md 7.5)."""
from __future__ import annotations

import re
from collections.abc import Iterator

from config.check_common import Known, place
from config.problems import Problem
from config.values import Site

READABLE = 4.5                                         # contrast with white paper: WCAG 2.2, 1.4.3


def headings_can_be_read(site: Site, known: Known) -> Iterator[Problem]:
    """Headings stand in the first colour on white paper."""
    head = site.letterhead
    if contrast_with_white(head.primary) < READABLE:
        fault = f'{head.primary} is too light for headings on white paper: choose a darker colour'
        yield Problem(place(site, head.where, 'primary'), fault)


def contrast_with_white(colour: str) -> float:
    """From 1 (white itself) to 21 (black), by WCAG 2.2's definition, of a colour such as '#17456b'."""
    channels = [int(part, 16) / 255 for part in re.findall('[0-9a-fA-F]{2}', colour)]
    red, green, blue = (channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4 for channel in channels)
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)
