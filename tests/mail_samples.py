"""E-mail for tests: the demo site with addresses, and letters as bytes."""
from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import test.test_email

from config.load import load
from config.values import Client, Contact, Policy, Site
from tests.site_copies import EXAMPLE
from ticketing.mail.reader import Envelope

NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)                        # Tuesday 10:00 in Mexico City
KEY = 'a key of the instance'
HELP = 'ayuda@nopalera.example'
MARIA = 'maria.rios@nopalera.example'                                  # user 10001 of the demo
STRANGER = 'alguien@otra.example'
TO_HELP = Envelope(MARIA, (HELP,))
CPYTHON = Path(os.path.dirname(test.test_email.__file__)) / 'data'     # noqa: PTH120


def site_with_mail(**policy: Any) -> Site:
    """The demo site, its clients with addresses of their own; `policy` is nopalera's."""
    site = load(EXAMPLE)
    clients = {key: _with_mail(client, policy if key == 'nopalera' else {}) for key, client in site.clients.items()}
    return replace(site, clients=clients)


def _with_mail(client: Client, policy: dict[str, Any]) -> Client:
    own: Policy = replace(client.policy, **policy)
    return replace(client, mail_address=f'ayuda@{client.key}.example', mail_domains=frozenset({f'{client.key}.example'}), mail_line=None,
                   policy=own, modality_policies={}, contact=Contact('Jefa', f'jefa@{client.key}.example'))


def letter(text: str = 'No abre la contabilidad.', *, sender: str = MARIA, to: str = HELP, subject: str = 'Ayuda',
           message_id: str | None = None, **headers: str) -> bytes:
    """A letter as a person writes it; header names with '_' for '-'."""
    message = EmailMessage()
    message['From'], message['To'], message['Subject'] = sender, to, subject
    if message_id is not None:
        message['Message-ID'] = message_id
    for name, value in headers.items():
        message[name.replace('_', '-')] = value
    message.set_content(text)
    return message.as_bytes()


def with_file(data: bytes, name: str, **facts: Any) -> bytes:
    """A letter with one file."""
    from email import message_from_bytes
    from email.policy import default
    message = message_from_bytes(letter(**facts), policy=default)
    assert isinstance(message, EmailMessage)
    message.add_attachment(data, maintype='application', subtype='octet-stream', filename=name)
    return message.as_bytes()
