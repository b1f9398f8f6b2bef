"""The parts of site.toml about how the help desk is reached and serves: trunks, emergency route, e-mail, contract parameters."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from config import shapes
from config.documents import Document
from config.toml_lines import KeyPath
from config.values import Emergency, MailSettings, Policy, Trunk


def policy_read(document: Document, values: Mapping[str, Any], base: Policy, path: KeyPath = ('policy',)) -> Policy:
    """The contract parameters that are written, and the others of `base`."""
    shape = document.shaped(shapes.PolicyShape, values, path)
    return replace(base, **shape.given()) if shape else base


def trunks(document: Document, top: shapes.SiteFile | None) -> tuple[Trunk, ...]:
    """The carriers' peers, in the order of the file."""
    read = tuple(_trunk(document, path, shape) for path, shape in document.elements(shapes.TrunkShape, top.trunk if top else [], 'trunk'))
    if top is None or len(read) < len(top.trunk):
        document.found.unread.add(('trunk', '*'))
    return read


def _trunk(document: Document, path: KeyPath, shape: shapes.TrunkShape) -> Trunk:
    caller_id = document.phone((*path, 'caller_id'), shape.caller_id) if shape.caller_id else ''
    return Trunk(shape.name, tuple(shape.addresses), document.where(*path), shape.outbound, caller_id or '')


def emergency(document: Document, top: shapes.SiteFile | None) -> Emergency:
    """Where a 911 goes; empty when nothing is written."""
    shape = document.shaped(shapes.EmergencyShape, top.emergency, ('emergency',)) if top and top.emergency is not None else None
    shape = shape or shapes.EmergencyShape()
    return Emergency(tuple(shape.numbers), shape.address, document.where('emergency'))


def mail_settings(document: Document, top: shapes.SiteFile | None) -> MailSettings:
    """How e-mail leaves and comes in."""
    shape = document.shaped(shapes.MailShape, top.mail, ('mail',)) if top else None
    return MailSettings(**(shape.given() if shape else {}), where=document.where('mail'))
