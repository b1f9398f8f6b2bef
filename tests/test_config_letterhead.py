"""The letterhead of a site: what it says, and every way in which its files can be wrong."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from config.check_letterhead import contrast_with_white
from config.load import load, read
from config.pictures import MOST_PIXELS, NoPicture, picture_size
from config.shapes import LetterheadFile
from config.site_files import LARGEST_LOGO
from config.values import Letterhead
from tests.site_copies import EXAMPLE, copy_example, new_problems


def png(width: int, height: int) -> bytes:
    target = io.BytesIO()
    Image.new('RGB', (width, height)).save(target, 'PNG')
    return target.getvalue()


def told(site: Path) -> list[str]:
    return [f'{problem.where.file}:{problem.where.key} {problem.severity}: {problem.message}' for problem in new_problems(site)]


def test_the_example_has_one() -> None:
    head = load(EXAMPLE).letterhead
    assert head.name == 'Mesa de Ayuda del Anáhuac, S.A. de C.V.' and len(head.address) == 2 and head.web.endswith('.example')
    assert picture_size(head.logo) == (384, 384)


def test_without_files_it_is_the_sites_name(tmp_path: Path) -> None:
    site = copy_example(tmp_path)
    (site / 'letterhead.toml').unlink()
    (site / 'logo.png').unlink()
    assert told(site) == []
    assert load(site).letterhead == Letterhead(name='Mesa de demostración', where=load(site).letterhead.where)


@pytest.mark.parametrize(
    ('text', 'key', 'words'),
    [
        ('nombre = "x"', 'nombre', 'no key'),
        ('name = 3', 'name', '3'),
        ('name = "a\\nb"', 'name', 'not allowed'),
        ('primary = "navy"', 'primary', "'navy'"),
        ('primary = "#17456b; background: url(x)"', 'primary', 'url'),
        ('primary = "#ffee88"', 'primary', 'too light'),
        ('address = ["a", "b", "c", "d", "e", "f", "g"]', 'address', 'address'),
        ('logo = "otro.png"', 'logo', 'no key'),
    ],
)
def test_a_slip_is_told_with_its_key(tmp_path: Path, text: str, key: str, words: str) -> None:
    site = copy_example(tmp_path)
    (site / 'letterhead.toml').write_text(text, encoding='utf-8')
    (problem,) = told(site)
    assert problem.startswith(f'letterhead.toml:{key} error: ') and words in problem


@pytest.mark.parametrize(
    ('data', 'words'),
    [
        (b'', 'not a PNG'),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', 'not a PNG'),
        (b'GIF89a', 'not a PNG'),
        (png(10, 10)[:-20], 'broken'),
        (png(10, 10).replace(b'IHDR', b'IHDX'), 'broken'),
        (png(10, 10)[:20] + b'\xff' + png(10, 10)[21:], 'broken'),
        (png(MOST_PIXELS + 1, 1), 'make it smaller'),
        (png(10, 10) + bytes(LARGEST_LOGO), 'at most'),
    ],
)
def test_a_logo_that_is_none(tmp_path: Path, data: bytes, words: str) -> None:
    site = copy_example(tmp_path)
    (site / 'logo.png').write_bytes(data)
    (problem,) = told(site)
    assert problem.startswith('logo.png:file error: ') and words in problem
    assert read(site).site.letterhead.logo == b''


def test_a_link_out_of_the_site_is_not_followed(tmp_path: Path) -> None:
    site = copy_example(tmp_path)
    (tmp_path / 'elsewhere.png').write_bytes(png(5, 5))
    (site / 'logo.png').unlink()
    (site / 'logo.png').symlink_to(tmp_path / 'elsewhere.png')
    (problem,) = told(site)
    assert 'leads out of the site' in problem


def test_pictures_are_measured_from_their_own_bytes() -> None:
    assert picture_size(png(34, 16)) == (34, 16)
    with pytest.raises(NoPicture):
        picture_size(b'\x89PNG\r\n\x1a\n')


def test_contrast_is_that_of_the_guidelines() -> None:
    assert round(contrast_with_white('#000000'), 2) == 21
    assert round(contrast_with_white('#ffffff'), 2) == 1
    assert round(contrast_with_white('#767676'), 2) == 4.54


def test_every_key_is_documented_and_a_field() -> None:
    text = (EXAMPLE.parent.parent / 'docs' / 'configuration.md').read_text(encoding='utf-8')
    fields = set(LetterheadFile.model_fields)
    assert fields <= set(Letterhead.__dataclass_fields__)
    assert [key for key in fields if f'`{key}`' not in text] == []
