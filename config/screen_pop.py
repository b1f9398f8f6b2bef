"""The screen-pop URL of a client: what an agent's browser opens in the client's own system when a call rings (mission.md 6.1). Pure."""
from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from config.webhooks import target_of

PLACEHOLDERS = ('ani', 'folio', 'employee', 'call')
HOLE = re.compile(r'\{([^{}]*)\}')
MACHINE = re.compile(r'^[^/]*//[^/?#]*')
STANDS_FOR_A_VALUE = 'x'


def fill_pop_url(template: str, facts: Mapping[str, str | None]) -> str:
    """The URL with each placeholder replaced by its value, quoted; what is not known, or only dots, is nothing.

    Nothing that a caller says can lead elsewhere: every character that means something in a URL is quoted, and a path made of dots would
    climb. Raises ValueError for a template that `pop_url_faults` finds wrong.
    """
    faults = pop_url_faults(template)
    if faults:
        raise ValueError(faults[0])
    return HOLE.sub(lambda hole: _quoted(facts.get(hole[1])), template)


def pop_url_faults(template: str) -> tuple[str, ...]:
    """What is wrong with a template, each as advice; nothing when agents may open it: https, or http to loopback."""
    holes = HOLE.findall(template)
    faults = [f'there is no placeholder {{{name}}}: the placeholders are {", ".join(f"{{{known}}}" for known in PLACEHOLDERS)}'
              for name in dict.fromkeys(holes) if name not in PLACEHOLDERS]
    bare = HOLE.sub('', template)
    if '{' in bare or '}' in bare:
        faults.append('a brace stands alone: placeholders are written like {ani}')
    filled = HOLE.sub(STANDS_FOR_A_VALUE, template)
    # A fragment is the browser's own matter, and pages of one piece are addressed by it.
    url, _, fragment = filled.partition('#')
    try:
        target = target_of(url)
    except ValueError as error:
        return (*faults, f'{template!r} cannot be opened: {error}')
    if fragment and not re.fullmatch(r'[!-~]*', fragment):
        faults.append(f'{template!r} holds characters that no URL has: write them as %XX')
    machine = MACHINE.match(template)
    if machine is not None and HOLE.search(machine[0]):
        faults.append('a placeholder may not say which machine is asked: use it after the first /')
    if target.scheme != 'https' and not target.is_loopback:
        faults.append(f'{template} would carry who calls in the clear: write https://')
    return tuple(faults)


def _quoted(value: str | None) -> str:
    return '' if value is None or not value.strip('.') else quote(value, safe='', errors='replace')
