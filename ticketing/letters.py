"""Letters: from a row of the outbox to an e-mail in Mexican Spanish (mission.md 4.6)."""
from __future__ import annotations

import uuid

from config.values import Site


def new_message_id(site: Site) -> str:
    """A Message-ID that nobody had before, with its angle brackets: made and stored before a letter is."""
    return f'<{uuid.uuid4().hex}@{site.mail.domain}>'
