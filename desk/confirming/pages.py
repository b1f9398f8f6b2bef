"""The confirmation page as HTML: what it says in each case, in Spanish. Pure."""
from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from desk.confirming.answers import COMMENT_CHARACTERS, Answer, Shown

_TEMPLATES = Path(__file__).resolve().parent / 'templates'
STYLE = (_TEMPLATES / 'style.css').read_text()
_ENVIRONMENT = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
SCORES = ((1, 'Muy mala'), (2, 'Mala'), (3, 'Regular'), (4, 'Buena'), (5, 'Excelente'))
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

HEADERS = {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; "
                               "base-uri 'none'",
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'X-Robots-Tag': 'noindex',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cache-Control': 'no-store',
}


@dataclass(frozen=True)
class Page:
    """An answer to a browser: HTTP status, HTML, and headers beyond those that every page has."""

    status: int
    html: str
    headers: tuple[tuple[str, str], ...] = ()


_TITLES = {
    'open': '¿Quedó resuelto su reporte?',
    'confirmed': '¡Gracias! Su confirmación quedó registrada',
    'refused': 'Gracias por avisarnos',
    'late': 'El plazo para responder ya terminó',
    'void': 'Esta confirmación ya no es necesaria',
}
_SAYS = {
    'open': 'La mesa de ayuda registró como resuelto el siguiente folio. Por favor revise los datos y díganos si es correcto.',
    'confirmed': 'Registramos que el folio quedó resuelto. No necesita hacer nada más.',
    'refused': 'El folio se abrió de nuevo y el equipo seguirá trabajando en él hasta resolverlo. No necesita hacer nada más.',
    'late': 'El folio se cerró sin su confirmación. Si el problema continúa, llame a la mesa de ayuda o responda a nuestro correo con su '
            'número de folio: lo abriremos de nuevo o levantaremos uno nuevo.',
    'void': 'La situación del folio cambió después de que le enviamos este enlace. Si tiene dudas, llame a la mesa de ayuda con su '
            'número de folio.',
}


def page_of(shown: Shown) -> Page:
    """What a GET answers."""
    said = [_SAYS[shown.status]]
    if shown.answered and shown.status in ('confirmed', 'refused'):
        said.append(f'Respuesta registrada el {shown.answered}.')
    return Page(200, _html(_TITLES[shown.status], said, shown, form=shown.status == 'open'))


def answered_before(shown: Shown) -> Page:
    """To an answer that came too late: kindly, and with what stands."""
    if shown.status in ('confirmed', 'refused'):
        stood = 'quedó resuelto' if shown.status == 'confirmed' else 'no quedó resuelto'
        said = [f'Este enlace ya se había usado, así que no cambiamos nada: la respuesta registrada es que {stood}.',
                'Si desea corregirla, llame a la mesa de ayuda con su número de folio.']
        return Page(409, _html('Ya teníamos su respuesta', said, shown))
    return Page(409, _html(_TITLES[shown.status], ['No pudimos registrar su respuesta.', _SAYS[shown.status]], shown))


def incomplete(shown: Shown) -> Page:
    """To a form without a yes or a no."""
    return Page(400, _html(_TITLES['open'], ['Por favor elija «Sí, quedó resuelto» o «No quedó resuelto».'], shown, form=True, alert=True))


def unavailable(answer: Answer | None = None) -> Page:
    """The books do not answer: an answer that was under way stays in the form, to be sent again."""
    said = ['En este momento no podemos consultar su folio. Por favor intente más tarde; este enlace seguirá funcionando.']
    if answer is not None:
        said = ['En este momento no pudimos registrar su respuesta. La conservamos aquí abajo: por favor intente más tarde o envíela '
                'otra vez.']
    html = _html('Intente más tarde, por favor', said, form=answer is not None, answer=answer, alert=True)
    return Page(503, html, (('Retry-After', '120'),))


def not_found() -> Page:
    """The same for a wrong token, an unknown close call and any other address."""
    return Page(404, _html('No encontramos esta página', [
        'Revise que el enlace esté completo, tal como llegó en el correo. Si lo copió, asegúrese de que no falte nada al final.']))


def too_many() -> Page:
    """To an address that tried many wrong links."""
    return Page(429, _html('Demasiados intentos', ['Por favor espere unos minutos y vuelva a abrir el enlace del correo.']),
                (('Retry-After', '600'),))


def refused(status: int, allow: str = '') -> Page:
    """To a request that no browser of a user makes."""
    html = _html('Solicitud no válida', ['Por favor abra de nuevo el enlace del correo.'])
    return Page(status, html, (('Allow', allow),) if allow else ())


def broken() -> Page:
    """A defect of ours."""
    return Page(500, _html('Algo salió mal', ['Por favor intente más tarde. Si el problema continúa, llame a la mesa de ayuda.']))


def _html(title: str, paragraphs: list[str], shown: Shown | None = None, form: bool = False, answer: Answer | None = None,
          alert: bool = False) -> str:
    return _ENVIRONMENT.get_template('confirm.html.j2').render(
        title=title, paragraphs=paragraphs, shown=shown, form=form, answer=answer, alert=alert, scores=SCORES, style=Markup(STYLE),
        comment_characters=COMMENT_CHARACTERS)
