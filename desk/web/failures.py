"""What a failure looks like: a page in Spanish for a person, a problem in JSON for a program."""
from __future__ import annotations

from http import HTTPStatus
from typing import Any

from desk.accounts.values import Person
from desk.web.frame import Answer, Visit, json_answer
from desk.web.render import whole

PROBLEM = 'application/problem+json'
SAYS = {
    400: ('Solicitud no válida', 'No pudimos entender lo que envió el navegador. Regrese e intente otra vez.'),
    401: ('Sesión terminada', 'Su sesión terminó. Entre otra vez para continuar.'),
    403: ('Sin permiso', 'Su usuario no tiene permiso para ver o hacer esto.'),
    404: ('No encontrado', 'Lo que busca no existe, o no está a su alcance.'),
    405: ('Solicitud no válida', 'Esta página no admite esa operación.'),
    409: ('Alguien se adelantó', 'La situación cambió mientras usted trabajaba. No se guardó nada: revise y decida otra vez.'),
    413: ('Demasiado grande', 'Lo que envió es más grande de lo que se admite.'),
    415: ('Solicitud no válida', 'El navegador envió un formato que no se admite.'),
    422: ('No se puede', 'No se guardó nada.'),
    429: ('Demasiados intentos', 'Espere un poco e intente otra vez.'),
    500: ('Algo salió mal', 'El error quedó registrado. Intente otra vez; si continúa, avise a su supervisor.'),
    503: ('Intente en un momento', 'En este momento no podemos consultar los datos. Lo que escribió sigue en su pantalla si regresa.'),
}
STALE_FORM = ('Formulario vencido', 'La página estuvo abierta demasiado tiempo o su sesión cambió. Regrese, actualice e intente otra vez.')


class PageFailures:
    """For people."""

    def answer(self, status: int, why: str, person: Person | None, csrf: str) -> Answer:
        """The page of a failure. `why` is for the log and for programs; a rule's own sentence is shown, since it says what to do."""
        title, says = STALE_FORM if why == 'csrf' else SAYS.get(status, SAYS[500])
        return whole('failure.html.j2', person, csrf, status, path='', title=title, says=says, detail=why if status in (409, 422) else '')


def not_found(visit: Visit) -> Answer:
    """What a page answers for what is not there, and in the same words for what is not the visitor's."""
    return PageFailures().answer(404, '', visit.person, visit.csrf)


class ProgramFailures:
    """For programs (RFC 9457)."""

    def answer(self, status: int, why: str, person: Person | None, csrf: str) -> Answer:
        """The problem as JSON."""
        return problem(status, why)


def problem(status: int, why: str, **more: Any) -> Answer:
    """A problem for a program. `why` is a sentence for its operator; `more`: what a program can use."""
    told = json_answer({'type': 'about:blank', 'title': HTTPStatus(status).phrase, 'status': status, 'detail': why, **more}, status)
    return Answer(status, told.body, PROBLEM)
