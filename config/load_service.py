"""The parts of site.toml about how the help desk is reached and serves: trunks, emergency route, e-mail, contract parameters."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from config import shapes
from config.documents import Document, Findings, line_named, read_document
from config.site_files import LARGEST_TEMPLATE, Unreadable, decode_utf8, read_bytes, template_names
from config.toml_lines import KeyPath
from config.values import Application, Emergency, FaxSettings, MailSettings, Modality, Policy, Trunk, Where


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


def fax_settings(document: Document, top: shapes.SiteFile | None) -> FaxSettings:
    """The fax server; none when nothing is written."""
    shape = document.shaped(shapes.FaxShape, top.fax, ('fax',)) if top else None
    given = shape.given() if shape else {}
    return FaxSettings(**(given | {'price_per_minute': Decimal(given.get('price_per_minute', '0'))}), where=document.where('fax'))


def mail_templates(found: Findings) -> dict[str, str]:
    """The admin's own templates of letters: 'mail/CLIENT/NAME.txt' -> Jinja2 text."""
    templates = {}
    for file in template_names(found.folder):
        try:
            templates[file.removesuffix('.j2')] = decode_utf8(read_bytes(found.folder, file, LARGEST_TEMPLATE))
        except (Unreadable, FileNotFoundError) as error:
            found.problem(Where(file, line_named(str(error)), 'file'), str(error))
    return templates


def catalogue(found: Findings) -> dict[str, Application]:
    """The standard catalogue, which every client has (mission.md 1.2)."""
    document = read_document(found, 'applications.toml', 'application')
    return {key: Application(key, shape.title, tuple(shape.versions), Modality.STANDARD, (), shape.active, document.where(key))
            for key, shape in document.tables(shapes.CatalogueShape, 'application')}
