"""Message-IDs: of letters that will be written, and of the folio that all its letters follow."""
from __future__ import annotations

import uuid

from config.values import Site


def new_message_id(site: Site) -> str:
    """A Message-ID that nobody had before, with its angle brackets: made and stored before a letter is."""
    return f'<{uuid.uuid4().hex}@{site.mail.domain}>'


def root_message_id(site: Site, number: str) -> str:
    """The id that no letter has and every letter about the folio refers to: mail programs then show them as one conversation."""
    return f'<folio-{number}@{site.mail.domain}>'
