"""What a received fax may cost before it is given up, and why it was (mission.md 5.4). Read by both sides of the conversion."""
from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """The most that converting one file may take; docs/decisions.md has the reasons."""

    file_bytes: int = 128 * MIB
    pages: int = 500                                   # directories that are followed
    pixels: int = 40_000_000                           # of one page: three metres of a fine one
    page_bytes: int = 8 * MIB                          # encoded, of one page
    strips: int = 1024                                 # of one page
    wall_s: float = 120.0
    cpu_s: int = 60
    memory_bytes: int = 400 * MIB                      # address space, not what is resident
    output_bytes: int = 100 * MIB


class Outcome(StrEnum):
    """Why a fax gave no PDF."""

    EMPTY = 'empty'
    NOT_A_TIFF = 'not_a_tiff'
    TOO_BIG = 'too_big'
    NO_PAGES = 'no_pages'
    NO_GOOD_PAGE = 'no_good_page'
    PDF_TOO_BIG = 'pdf_too_big'
    OUT_OF_TIME = 'out_of_time'
    OUT_OF_MEMORY = 'out_of_memory'
    CRASHED = 'crashed'


SENTENCES: dict[Outcome, str] = {
    Outcome.EMPTY: 'el archivo del fax está vacío',
    Outcome.NOT_A_TIFF: 'el archivo del fax está dañado: no es un TIFF',
    Outcome.TOO_BIG: 'el archivo del fax es demasiado grande',
    Outcome.NO_PAGES: 'el archivo del fax no trae ninguna página',
    Outcome.NO_GOOD_PAGE: 'ninguna página del fax se puede leer',
    Outcome.PDF_TOO_BIG: 'el PDF del fax sería demasiado grande',
    Outcome.OUT_OF_TIME: 'convertir el fax tardaba demasiado',
    Outcome.OUT_OF_MEMORY: 'convertir el fax necesitaba demasiada memoria',
    Outcome.CRASHED: 'el archivo del fax está dañado: la conversión se interrumpió',
}
