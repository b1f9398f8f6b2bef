"""What all checks of `config.check` share: what they know besides the site, and the places of keys."""
from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from config.problems import Problem
from config.values import Site, Where


@dataclass(frozen=True)
class Known:
    """What a check must know besides the site. `today` is the date in the site's zone."""

    prompts: frozenset[str]                            # recordings there are: 'mesa/greeting', 'digits/4', 'site/...'
    today: date
    applications: frozenset[str] = frozenset()         # what the running Asterisk offers; empty: not known
    unread: frozenset[tuple[str, str]] = frozenset()   # as in `config.load.Reading`
    vips_before: Mapping[str, frozenset[str]] = field(default_factory=dict)    # client -> employee numbers, in the site in force


Check = Callable[[Site, Known], Iterator[Problem]]


def place(site: Site, where: Where, *path: str | int) -> Where:
    """The place of a key below a table, with its own line when it is written, else the table's."""
    key, line = where.key, site.places.get((where.file, where.key), where.line)
    for part in path:
        if isinstance(part, int):
            key += f'[{part + 1}]'
        else:
            key += ('.' if key else '') + (part if re.fullmatch(r'[A-Za-z0-9_-]+', part) else f'"{part}"')
        line = site.places.get((where.file, key), line)
    return Where(where.file, line, key)


def absent(name: str, kind: str, there: Iterable[str], known: Known) -> bool:
    return name not in there and not known.unread & {(kind, name), (kind, '*')}


def choose(names: Iterable[str]) -> str:
    listed = sorted(names)
    return f'choose one of {", ".join(listed[:12])}' if listed else 'none is defined yet, add one'
