"""What people do to a folio on its page: one table of forms, each with the states in which it is offered (mission.md 4.3-4.7, 6.2).

The rules themselves stand in `ticketing/`; here is only what is offered, under which key, and how a form is read.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from config.values import Site
from ticketing.life import possible_moves
from ticketing.lifecycle import LifeCycle
from ticketing.notices import policy_for
from ticketing.rules import DESCRIBABLE, may_confirm, still_reopenable, visitable
from ticketing.values import OPEN_STATES, Folio, Kind, Move, NotAllowed, State

AGENT, GROUP = 'agente:', 'grupo:'                     # before the key in the field of who gets a folio


@dataclass(frozen=True)
class Seen:
    """What decides whether something is offered."""

    folio: Folio
    site: Site
    login: str
    now: datetime


@dataclass(frozen=True)
class Deed:
    """A form that was sent. `version` is what the person saw."""

    number: str
    form: Mapping[str, str]
    by: str
    now: datetime
    version: int

    def text(self, name: str) -> str:
        """A field, '' when it was left empty or out."""
        return self.form.get(name, '')


@dataclass(frozen=True)
class Action:
    """A form of the page. `slug` is its address and its draft's name; `key` opens it; `done` is said afterwards; `direct`: one button."""

    slug: str
    title: str
    key: str
    done: str
    offered: Callable[[Seen], bool]
    perform: Callable[[LifeCycle, Deed], Folio]
    direct: bool = False


# --- what is offered ------------------------------------------------------------------------------------------------------

def _when(move: Move) -> Callable[[Seen], bool]:
    return lambda seen: move in possible_moves(seen.folio.state)


def _describable(seen: Seen) -> bool:
    return seen.folio.state in DESCRIBABLE


def _to_take(seen: Seen) -> bool:
    return seen.login in seen.site.agents and seen.folio.agent != seen.login and Move.ASSIGN in possible_moves(seen.folio.state)


def _to_start(seen: Seen) -> bool:
    """Whoever starts has it: what another agent has is taken over first."""
    mine = seen.folio.agent in (None, seen.login)
    return Move.START in possible_moves(seen.folio.state) and mine


def _to_acknowledge(seen: Seen) -> bool:
    return seen.folio.state in OPEN_STATES and seen.folio.resolver_group is not None and seen.folio.acknowledged_at is None


def _to_confirm(seen: Seen) -> bool:
    """By anybody but who solved it."""
    return Move.CONFIRM in possible_moves(seen.folio.state) and _is_allowed(
        lambda: may_confirm(seen.folio, seen.login, 'person', 'user'))


def _to_reopen(seen: Seen) -> bool:
    return Move.REOPEN in possible_moves(seen.folio.state) and _is_allowed(
        lambda: still_reopenable(seen.folio, policy_for(seen.site, seen.folio), seen.now))


def _to_visit(seen: Seen) -> bool:
    return _is_allowed(lambda: visitable(seen.folio))


def _to_complain(seen: Seen) -> bool:
    return seen.folio.report.kind != Kind.COMPLAINT and Move.ASSIGN in possible_moves(seen.folio.state)


def _is_allowed(check: Callable[[], None]) -> bool:
    try:
        check()
    except NotAllowed:
        return False
    return True


# --- how a form is read ---------------------------------------------------------------------------------------------------

def _assign(life: LifeCycle, deed: Deed) -> Folio:
    to = deed.text('a')
    return life.assign(
        deed.number, agent=to.removeprefix(AGENT) if to.startswith(AGENT) else None,
        group=to.removeprefix(GROUP) if to.startswith(GROUP) else None, reason=deed.text('motivo'), by=deed.by, now=deed.now,
        expected=deed.version)


def _describe(life: LifeCycle, deed: Deed) -> Folio:
    """What was changed in the form, and nothing else: its fields come with what stood in the folio (`antes_...`)."""
    names = {'categoria': 'category', 'aplicacion': 'application', 'tipo': 'kind', 'resumen': 'summary', 'descripcion': 'description',
             'diagnostico': 'diagnosis'}
    changed = {column: deed.text(name) for name, column in names.items()
               if name in deed.form and deed.text(name) and deed.text(name) != deed.text(f'antes_{name}')}
    return life.describe(deed.number, by=deed.by, now=deed.now, expected=deed.version, **changed)


def _prioritise(life: LifeCycle, deed: Deed) -> Folio:
    return life.prioritise(deed.number, impact=deed.text('impacto'), urgency=deed.text('urgencia'), reason=deed.text('motivo'),
                           by=deed.by, now=deed.now, expected=deed.version)


def _score(text: str) -> int | None:
    if text and not text.isdecimal():
        raise NotAllowed(f'{text!r} is no score', 'La calificación va de 1 a 5.')
    return int(text) if text else None


ACTIONS: Mapping[str, Action] = {action.slug: action for action in (
    Action('tomar', 'Tomarlo', 'y', 'El folio es suyo.', _to_take, lambda life, deed: life.assign(
        deed.number, agent=deed.by, by=deed.by, now=deed.now, expected=deed.version), direct=True),
    Action('acuse', 'Acusar recibo', 'u', 'Quedó el acuse del grupo.', _to_acknowledge, lambda life, deed: life.acknowledge(
        deed.number, by=deed.by, now=deed.now, expected=deed.version), direct=True),
    Action('iniciar', 'Iniciar atención', 'i', 'El folio está en atención.', _to_start, lambda life, deed: life.start(
        deed.number, by=deed.by, now=deed.now, expected=deed.version), direct=True),
    Action('reanudar', 'Reanudar', 'i', 'El reloj corre de nuevo.', _when(Move.RESUME), lambda life, deed: life.resume(
        deed.number, by=deed.by, now=deed.now, expected=deed.version), direct=True),
    Action('nota', 'Nota', 'n', 'La nota quedó guardada.', lambda seen: True, lambda life, deed: life.note(
        deed.number, text=deed.text('texto'), by=deed.by, now=deed.now)),
    Action('avance', 'Avance', 'a', 'El avance se envía al usuario.', _describable, lambda life, deed: life.update(
        deed.number, text=deed.text('texto'), by=deed.by, now=deed.now, expected=deed.version)),
    Action('asignar', 'Asignar', 't', 'El folio quedó asignado.', _when(Move.ASSIGN), _assign),
    Action('esperar', 'Poner en espera', 'e', 'El reloj está en pausa.', _when(Move.WAIT), lambda life, deed: life.wait(
        deed.number, waiting_for=deed.text('de_quien'), reason=deed.text('motivo'), by=deed.by, now=deed.now, expected=deed.version)),
    Action('clasificar', 'Clasificar', 'c', 'Los datos quedaron corregidos.', _describable, _describe),
    Action('resolver', 'Resolver', 'r', 'Resuelto. Se pedirá la confirmación.', _when(Move.RESOLVE), lambda life, deed: life.resolve(
        deed.number, solution=deed.text('solucion'), diagnosis=deed.text('diagnostico'), first_contact=bool(deed.text('primer_contacto')),
        by=deed.by, now=deed.now, expected=deed.version)),
    Action('confirmar', 'Capturar confirmación', 'f', 'La confirmación quedó capturada.', _to_confirm, lambda life, deed: life.confirm(
        deed.number, via='person', party=deed.text('quien') or 'user', score=_score(deed.text('calificacion')),
        comment=deed.text('comentario'), by=deed.by, now=deed.now, expected=deed.version)),
    Action('reabrir', 'Reabrir', 'o', 'El folio está abierto de nuevo.', _to_reopen, lambda life, deed: life.reopen(
        deed.number, reason=deed.text('motivo'), by=deed.by, now=deed.now, expected=deed.version)),
    Action('prioridad', 'Cambiar prioridad', 'p', 'La prioridad quedó cambiada.', _when(Move.PRIORITISE), _prioritise),
    Action('visita', 'Pedir visita en sitio', 'v', 'La visita quedó pedida.', _to_visit, lambda life, deed: life.visit(
        deed.number, reason=deed.text('motivo'), by=deed.by, now=deed.now, expected=deed.version)),
    Action('duplicado', 'Es duplicado', 'd', 'Quedó como duplicado.', _when(Move.CANCEL), lambda life, deed: life.merge(
        deed.number, ''.join(deed.text('otro').split()), by=deed.by, now=deed.now, expected=deed.version)),
    Action('queja', 'Es una queja', 'q', 'La queja la atiende un supervisor.', _to_complain, lambda life, deed: life.complain(
        deed.number, text=deed.text('texto'), complained_of=deed.text('sobre') or None, by=deed.by, now=deed.now,
        expected=deed.version)),
    Action('cancelar', 'Cancelar folio', 'x', 'El folio quedó cancelado.', _when(Move.CANCEL), lambda life, deed: life.cancel(
        deed.number, reason=deed.text('motivo'), cause=deed.text('clase') or 'user', by=deed.by, now=deed.now, expected=deed.version)),
)}
ATTACH = 'archivo'                                     # a form of its own: it has several parts
TOOLS = ('nota', 'avance', 'asignar', 'esperar', 'clasificar', 'resolver')    # shown as buttons; the others under «Más»
# The one that comes next, by state; the first that is offered.
NEXT: Mapping[State, tuple[str, ...]] = {
    State.NEW: ('iniciar', 'tomar'), State.ASSIGNED: ('acuse', 'iniciar', 'tomar'), State.IN_PROGRESS: ('resolver',),
    State.WAITING: ('reanudar',), State.RESOLVED: ('confirmar', 'reabrir'), State.CLOSED_UNVERIFIED: ('reabrir',),
    State.CLOSED_VERIFIED: ('nota',), State.CANCELLED: ('nota',),
}


def offered(seen: Seen) -> tuple[Action, ...]:
    """The forms that fit the folio as it stands."""
    return tuple(action for action in ACTIONS.values() if action.offered(seen))


def next_of(folio: Folio, possible: tuple[Action, ...]) -> Action:
    """The main action of a state."""
    slugs = {action.slug for action in possible}
    return ACTIONS[next((slug for slug in NEXT[folio.state] if slug in slugs), 'nota')]
