"""What a file is, by its content and not by its name, and whether it may be kept (mission.md 4.8). Nothing is unpacked or executed."""
from __future__ import annotations

from collections.abc import Mapping

UNKNOWN = 'application/octet-stream'
_LOOK_AT = 4096                                        # bytes from the beginning

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b'%PDF-', 'application/pdf'),
    (0, b'\x89PNG\r\n\x1a\n', 'image/png'),
    (0, b'\xff\xd8\xff', 'image/jpeg'),
    (0, b'GIF87a', 'image/gif'),
    (0, b'GIF89a', 'image/gif'),
    (0, b'BM', 'image/bmp'),
    (0, b'II*\x00', 'image/tiff'),
    (0, b'MM\x00*', 'image/tiff'),
    (8, b'WEBP', 'image/webp'),
    (8, b'WAVE', 'audio/x-wav'),
    (4, b'ftypheic', 'image/heic'),
    (4, b'ftyp', 'video/mp4'),
    (0, b'OggS', 'audio/ogg'),
    (0, b'ID3', 'audio/mpeg'),
    (0, b'{\\rtf', 'application/rtf'),
    (0, b'\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', 'application/x-ole-storage'),
    (0, b'\x1f\x8b', 'application/gzip'),
    (0, b'7z\xbc\xaf\x27\x1c', 'application/x-7z-compressed'),
    (0, b'Rar!\x1a\x07', 'application/vnd.rar'),
    (0, b'MSCF', 'application/vnd.ms-cab-compressed'),
    (0, b'x\x9f\x3e\x22', 'application/vnd.ms-tnef'),
    (0, b'MZ', 'application/x-dosexec'),
    (0, b'\x7fELF', 'application/x-executable'),
    (0, b'\xca\xfe\xba\xbe', 'application/java-vm'),
    (0, b'\xfe\xed\xfa', 'application/x-mach-binary'),
    (0, b'\xcf\xfa\xed\xfe', 'application/x-mach-binary'),
    (0, b'\xce\xfa\xed\xfe', 'application/x-mach-binary'),
    (0, b'\x00asm', 'application/wasm'),
    (0, b'L\x00\x00\x00\x01\x14\x02\x00', 'application/x-ms-shortcut'),
    (0, b'#!', 'text/x-script'),
)
# An Office document is a zip whose first names say so.
_IN_ZIP: tuple[tuple[bytes, str], ...] = (
    (b'word/', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'),
    (b'xl/', 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'),
    (b'ppt/', 'application/vnd.openxmlformats-officedocument.presentationml.presentation'),
    (b'mimetypeapplication/vnd.oasis.opendocument.text', 'application/vnd.oasis.opendocument.text'),
    (b'mimetypeapplication/vnd.oasis.opendocument.spreadsheet', 'application/vnd.oasis.opendocument.spreadsheet'),
    (b'META-INF/', 'application/java-archive'),
)
_MARKUP: tuple[tuple[bytes, str], ...] = (
    (b'<!doctype html', 'text/html'), (b'<html', 'text/html'), (b'<script', 'text/html'), (b'<svg', 'image/svg+xml'),
    (b'<?xml', 'text/xml'))

_PROGRAMS = frozenset({
    'application/x-dosexec', 'application/x-executable', 'application/java-vm', 'application/java-archive', 'application/x-mach-binary',
    'application/wasm', 'application/x-ms-shortcut', 'text/x-script'})
# What Windows starts on a double click, whatever stands in it.
_STARTED: Mapping[str, str] = dict.fromkeys(
    ('exe', 'com', 'scr', 'pif', 'bat', 'cmd', 'vbs', 'vbe', 'js', 'jse', 'wsf', 'wsh', 'hta', 'ps1', 'psm1', 'msi', 'msp', 'jar', 'lnk',
     'reg', 'cpl', 'inf', 'scf', 'url', 'chm', 'gadget', 'application', 'apk', 'sh', 'appref-ms', 'settingcontent-ms'), 'program')


def content_type(data: bytes) -> str:
    """The media type that the content itself shows; `application/octet-stream` when it shows none."""
    head = data[:_LOOK_AT]
    for place, magic, kind in _MAGIC:
        if head.startswith(magic, place):
            return kind
    if head.startswith((b'PK\x03\x04', b'PK\x05\x06')):
        return next((kind for mark, kind in _IN_ZIP if mark in head), 'application/zip')
    return _of_text(head)


def _of_text(head: bytes) -> str:
    begin = head.removeprefix(b'\xef\xbb\xbf').lstrip()[:200].lower()
    for mark, kind in _MARKUP:
        if begin.startswith(mark):
            return 'image/svg+xml' if kind == 'text/xml' and b'<svg' in head.lower() else kind
    if not head or any(byte < 9 or (13 < byte < 32 and byte != 27) for byte in head):
        return UNKNOWN
    return 'text/plain'


def refusal(title: str, kind: str) -> str | None:
    """Why a file is not kept, None when it may be: programs and scripts are not, by content or by the name that starts them."""
    ending = title.rsplit('.', 1)[-1].lower().strip() if '.' in title else ''
    if kind in _PROGRAMS:
        return f'programa ({kind})'
    return f'programa (.{ending})' if ending in _STARTED else None
