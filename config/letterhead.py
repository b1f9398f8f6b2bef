"""Who issues statements, as their head shows it: `letterhead.toml` and, beside it, `logo.png` (mission.md 7.5).

A logo is a PNG and nothing else: an SVG is a program that others may have written. What stands in its chunks is checked before anybody
draws it.
"""
from __future__ import annotations

from dataclasses import replace
from typing import Any

from config.documents import Findings, line_named, read_document
from config.pictures import NoPicture, picture_size
from config.shapes import LetterheadFile
from config.site_files import LARGEST_LOGO, LETTERHEAD, LOGO, Unreadable, read_bytes
from config.values import Letterhead, Where


def letterhead(found: Findings, site_name: str) -> Letterhead:
    """The letterhead of a site; with nothing written, its name in decent colours."""
    document = read_document(found, LETTERHEAD, 'letterhead')
    shape = document.whole(LetterheadFile)
    given: dict[str, Any] = shape.given() if shape else {}
    if 'address' in given:
        given['address'] = tuple(given['address'])
    return replace(Letterhead(name=site_name, logo=_logo(found), where=document.where()), **given)


def _logo(found: Findings) -> bytes:
    try:
        data = read_bytes(found.folder, LOGO, LARGEST_LOGO)
        picture_size(data)
        return data
    except FileNotFoundError:
        return b''
    except (Unreadable, NoPicture) as error:
        found.problem(Where(LOGO, line_named(str(error)), 'file'), str(error))
        return b''
