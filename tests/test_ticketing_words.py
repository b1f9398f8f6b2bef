"""What people write: fit to be stored, and whether it contradicts a confirmation."""
from __future__ import annotations

import pytest

from ticketing.words import clean, clean_name, contradicts


@pytest.mark.parametrize('comment', [
    'No funciona', 'no funcionó', 'NO SIRVE', 'sigue fallando', 'Sigue igual...', 'sigue sin abrir', 'aún no', 'Todavía no quedó',
    'no se resolvió', 'no me lo resolvieron', 'no se ha resuelto', 'no quedó', 'no jala', 'persiste el error', 'continúa el problema',
    'volvió a fallar', 'otra vez falla', 'nunca me llamaron', 'está peor', 'no puedo entrar', 'no está resuelto',
    'no han arreglado nada', 'sin resolver', 'no\nfunciona', 'no,  funciona mal', 'sigue con el mismo error', 'NO SE SOLUCIONÓ',
    'sigue lenta', 'no esta funcionando', 'tengo el mismo problema', 'gracias pero sigue fallando'])
def test_what_says_the_contrary(comment: str) -> None:
    assert contradicts(comment)


@pytest.mark.parametrize('comment', [
    '', 'Gracias', 'muy bien', 'ya no falla', 'Ya no sigue fallando', 'sin problema', 'no hay problema', 'todo funciona', 'ya quedó',
    'no tengo queja', 'excelente, no esperaba tanto', 'funciona', 'se resolvió rápido', 'ya sirve', 'no falla', 'no, nada más',
    'ya no hay el mismo problema', 'Ya no tengo el problema', 'nada', '5', '¡Listo!', 'quedó muy bien, no batallé'])
def test_what_does_not(comment: str) -> None:
    assert not contradicts(comment)


def test_a_long_comment_is_read_quickly() -> None:
    assert not contradicts('no me nos se lo ' * 20_000)


def test_clean() -> None:
    assert clean(' a\x00b\x1b[31m\r\nc\u2028d\t ') == 'a b [31m\nc d'
    assert clean('\ud800') == '?'
    assert len(clean('x' * 20_000)) == 10_000
    assert clean_name(' ana\n maría\x07 ' + 'x' * 100) == ('ana maría ' + 'x' * 100)[:64]
