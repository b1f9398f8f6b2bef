"""An answer of the desk as a reader takes it, for tests of its pages."""
from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

from desk.web.frame import Answer


@dataclass
class Page:
    """An answer as a reader takes it."""

    answer: Answer

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def html(self) -> str:
        return self.answer.body.decode()

    @property
    def text(self) -> str:
        """What a person reads, spaces pressed together."""
        return ' '.join(unescape(re.sub(r'<[^>]+>', ' ', self.html)).split())

    @property
    def location(self) -> str:
        return dict(self.answer.headers).get('Location', '')

    @property
    def forms(self) -> set[str]:
        """The last word of the addresses of all POST forms of a folio."""
        return set(re.findall(r'action="/folios/\d+/(\w+)"', self.html))

    def cell(self, name: str) -> str:
        """What a cell of the wallboard reads."""
        found = re.search(rf'data-cell="{name}"[^>]*>([^<]*)<', self.html)
        assert found, f'no cell {name}'
        return unescape(found[1])

    def hidden(self, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]*)"', self.html)
        assert found, f'no field {name} in the page'
        return unescape(found[1])
