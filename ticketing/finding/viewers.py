"""Who looks, and which folios he may see at all (mission.md 4.1, 6.2, 6.4)."""
from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, or_

from ticketing.notices import is_accused
from ticketing.tables import folios
from ticketing.values import Folio, Kind


@dataclass(frozen=True)
class Viewer:
    """Somebody at the desk: an agent; a supervisor or admin (`all_complaints`); or, with `client`, that client's contact.

    A contact sees all folios of his client and no other. Of ours nobody sees a complaint about himself, and an agent only those
    complaints that he holds.
    """

    login: str
    all_complaints: bool = False
    client: str | None = None

    def sees(self, folio: Folio) -> bool:
        """Whether the folio may be shown to him; if not, it must look as if it did not exist."""
        if self.client is not None:
            return folio.report.client == self.client
        if folio.report.kind != Kind.COMPLAINT or self.all_complaints:
            return not is_accused(folio, self.login)
        return folio.agent == self.login and not is_accused(folio, self.login)

    @property
    def reads_internals(self) -> bool:
        """Whether internal notes and diagnoses are for him."""
        return self.client is None


def visible(viewer: Viewer) -> ColumnElement[bool]:
    """The same as `Viewer.sees`, as a condition on rows of folios."""
    if viewer.client is not None:
        return folios.c.client == viewer.client
    accused = func.lower(func.trim(folios.c.complained_of)) == viewer.login.strip().casefold()
    his = and_(folios.c.complained_of.is_not(None), accused)
    allowed = ~his if viewer.all_complaints else and_(folios.c.agent == viewer.login, ~his)
    return or_(folios.c.kind != Kind.COMPLAINT.value, allowed)
