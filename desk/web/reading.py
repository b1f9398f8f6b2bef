"""Reading what a browser sent, once and with limits: forms, uploads, cookies. Raises BadRequest with an HTTP status."""
from __future__ import annotations

import io
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from multipart import MultipartError, MultipartParser, parse_options_header

from desk.web.frame import Upload

MOST_FIELDS = 60
LONGEST_FIELD = 20_000                                 # characters
URLENCODED = 'application/x-www-form-urlencoded'
MULTIPART = 'multipart/form-data'
# Everything that is not text, and what turns the direction of the text around it.
_NOT_TEXT = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]')
_COOKIE = re.compile(r'[A-Za-z0-9_-]{1,128}')


class BadRequest(Exception):
    """No browser of a person sends this; `status` says what is wrong with it."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def text(raw: str) -> str:
    """Text of a person: no control characters, one kind of line end, no spaces around."""
    return _NOT_TEXT.sub('', raw.replace('\r\n', '\n').replace('\r', '\n')).strip()[:LONGEST_FIELD]


def pairs(raw: bytes) -> dict[str, str]:
    """The fields of a query or a form; of a name that comes twice the last counts."""
    try:
        found = parse_qsl(raw.decode('utf-8', 'replace'), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise BadRequest(400, 'too many fields') from error
    return {text(name): text(value) for name, value in found}


def strict_pairs(raw: bytes) -> dict[str, str]:
    """The query of a program, which is told when something is wrong with it: nothing is left out, put right, or there twice."""
    try:
        found = parse_qsl(raw.decode('ascii'), keep_blank_values=True, strict_parsing=bool(raw), max_num_fields=MOST_FIELDS,
                          errors='strict')
    except ValueError as error:
        raise BadRequest(400, 'the query cannot be read: it is not UTF-8, not in pairs, or has too many fields') from error
    if len({name for name, _ in found}) != len(found):
        raise BadRequest(400, 'a field of the query stands there twice')
    return dict(found)


def form_of(content_type: str, body: bytes) -> tuple[dict[str, str], dict[str, Upload]]:
    """The fields and files of a form."""
    kind, options = parse_options_header(content_type)
    if kind == URLENCODED:
        return pairs(body), {}
    if kind != MULTIPART:
        raise BadRequest(415, 'a form is url-encoded, or has several parts')
    fields: dict[str, str] = {}
    files: dict[str, Upload] = {}
    try:
        parser = MultipartParser(io.BytesIO(body), options.get('boundary', ''), content_length=len(body), part_limit=MOST_FIELDS,
                                 memory_limit=len(body) + 65_536, spool_limit=len(body) + 65_536)
        for part in parser:
            if part.filename is not None:
                files[text(part.name)] = Upload(text(part.filename)[:200], part.raw)
            else:
                fields[text(part.name)] = text(part.raw.decode('utf-8', 'replace'))
    except MultipartError as error:
        raise BadRequest(400, 'the form is damaged') from error
    return fields, files


def cookies(headers: list[str]) -> Mapping[str, str]:
    """The cookies that look like ours."""
    found: dict[str, str] = {}
    for header in headers:
        for part in header.split(';')[:50]:
            name, _, value = part.strip().partition('=')
            if _COOKIE.fullmatch(value):
                found[name] = value
    return found
