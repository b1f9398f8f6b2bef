"""What is wrong with a fax, in sentences for the e-mail that brings it (mission.md 5.4)."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

from fax.conversion.directories import Chain, End
from fax.conversion.pages import Harm

_ONE: dict[Harm, str] = {
    Harm.CUT: 'la página {} llegó incompleta',
    Harm.BAD_ROWS: 'la página {} llegó con renglones dañados',
    Harm.UNREADABLE: 'la página {} llegó dañada y no se puede leer',
    Harm.NOT_A_FAX: 'la página {} no es una imagen de fax',
    Harm.TOO_LARGE: 'la página {} es demasiado grande',
    Harm.NOT_READ: 'la página {} quedó sin convertir: tardaba demasiado',
}
_MANY: dict[Harm, str] = {
    Harm.CUT: 'las páginas {} llegaron incompletas',
    Harm.BAD_ROWS: 'las páginas {} llegaron con renglones dañados',
    Harm.UNREADABLE: 'las páginas {} llegaron dañadas y no se pueden leer',
    Harm.NOT_A_FAX: 'las páginas {} no son imágenes de fax',
    Harm.TOO_LARGE: 'las páginas {} son demasiado grandes',
    Harm.NOT_READ: 'las páginas {} quedaron sin convertir: tardaban demasiado',
}
_OF_THE_FILE: dict[End, str] = {
    End.CUT: 'el archivo del fax está cortado después de la página {}',
    End.LOOP: 'la lista de páginas del archivo está dañada después de la página {}',
    End.TOO_LONG: 'el fax trae más de {} páginas; las demás no se leyeron',
}


_MISSING = 'la transmisión se interrumpió y la última página no llegó'


def sentences(harms: Mapping[int, Harm], chain: Chain) -> tuple[str, ...]:
    """One sentence for each kind of damage. `harms` by page number, from 1; `chain` is the list of the file's pages."""
    told = []
    for harm in Harm:
        numbers = sorted(number for number, its in harms.items() if its is harm)
        if numbers:
            told.append((_ONE if len(numbers) == 1 else _MANY)[harm].format(listed(numbers)))
    if chain.missing:
        told.append(_MISSING)
    if chain.end in _OF_THE_FILE:
        told.append(_OF_THE_FILE[chain.end].format(len(chain.pages)))
    return tuple(told)


def listed(numbers: Sequence[int]) -> str:
    """Rising numbers in Spanish, neighbours together: `2, 5 a 8 y 11`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    words = [word for run in runs for word in ([f'{run[0]} a {run[-1]}'] if len(run) > 2 else map(str, run))]
    return ' y '.join([*([', '.join(words[:-1])] if words[:-1] else []), words[-1]])
