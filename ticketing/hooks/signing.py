"""By what a receiver knows that an event is ours and new: an HMAC over the moment and the body (docs/webhooks.md). Pure."""
from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

SIGNATURE = 'Mesa-Signature'
EVENT_ID = 'Mesa-Event-Id'
AGENT = 'Mesa-Webhooks/1'


def body_of(payload: Mapping[str, Any]) -> bytes:
    """The bytes that are sent and signed."""
    return json.dumps(payload, ensure_ascii=False, separators=(',', ':')).encode()


def headers_for(body: bytes, event_id: str, secret: str, moment: datetime) -> dict[str, str]:
    """The headers of one attempt. `moment` is the machine's: receivers refuse what is old."""
    return {'Content-Type': 'application/json', 'User-Agent': AGENT, EVENT_ID: event_id, SIGNATURE: signature(body, secret, moment)}


def signature(body: bytes, secret: str, moment: datetime) -> str:
    """'t=UNIX_SECONDS,v1=HEX', HEX over 'UNIX_SECONDS.BODY'."""
    seconds = str(int(moment.timestamp()))
    return f't={seconds},v1={hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()}'
