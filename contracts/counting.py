"""What counts as a request against the allowance, and why not (mission.md 7.1). Pure.

A request is a folio with a confirmed user request, counted once in the month in which it was opened. Everything else counts only where the
contract says so (`Terms.counted`). Reasons are Spanish: they stand on the folio and beside each line of a statement.
"""
from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from config.terms import Counted
from config.values import Modality
from ticketing.values import CancelCause, State

CONFIRMED = 'solicitud confirmada'
BY_CONTRACT = 'por contrato cuenta'
NOT_METERED = 'ese día no había cuota contratada'
UNKNOWN = 'no estaba en los registros'
GONE = 'ya no está en los registros'
KINDS: Mapping[Counted, str] = {                       # in tables of what did not count
    Counted.ABANDONED: 'abandonadas antes de un agente', Counted.DUPLICATE: 'duplicados', Counted.CONTINUATION: 'continuaciones',
    Counted.REOPEN: 'reaperturas', Counted.CLOSE_CALL: 'llamadas de cierre', Counted.STATUS: 'consultas de estado',
    Counted.FAX: 'faxes', Counted.SPAM: 'no eran solicitudes', Counted.OUR_ERROR: 'errores nuestros',
}
OF_OTHERS: Mapping[Counted, str] = {                   # what is no folio of its own
    Counted.CONTINUATION: 'continuación de un folio abierto', Counted.REOPEN: 'reapertura', Counted.CLOSE_CALL: 'llamada de cierre',
    Counted.STATUS: 'consulta de estado', Counted.FAX: 'fax, con su propia serie',
}


@dataclass(frozen=True)
class Request:
    """One thing that may count, with the verdict. `at` is an aware UTC instant and decides its month."""

    at: datetime
    kind: Counted | None                               # None: an ordinary folio
    folio: str | None                                  # its number; a fax has none
    reference: str                                     # natural: 'folio:12345674', 'reopen:7', 'continuation:7', 'fax:F1234', ...
    client: str
    modality: Modality
    counts: bool
    reason: str


@dataclass(frozen=True)
class Decision:
    """What a person decided about one folio, whatever the rules say."""

    counts: bool
    reason: str
    by: str
    day: date


@dataclass(frozen=True)
class FolioFacts:
    """What decides about one folio, as the books have it now."""

    state: str
    cancel_cause: str | None = None
    duplicate_of: str | None = None
    abandoned: bool = False                            # its call left the queue before an agent
    responded: bool = False                            # somebody of ours answered, took, told or solved it, whenever
    held: bool = False                                 # an agent or a group has it
    came_back: bool = False                            # the user called, wrote or left a message after he had hung up
    decision: Decision | None = None

    @property
    def followed_up(self) -> bool:
        """Whether an abandoned call became a request all the same.

        Given to somebody and then cancelled without any response is none: nobody learnt what was wanted.
        """
        return self.responded or self.came_back or (self.held and self.state != State.CANCELLED)


@dataclass(frozen=True)
class Verdict:
    """Whether something counts; `kind` is what it is apart from an ordinary folio."""

    kind: Counted | None
    counts: bool
    reason: str


@dataclass(frozen=True)
class Said:
    """What an issued statement said of one reference."""

    counts: bool
    reason: str


@dataclass(frozen=True)
class Correction:
    """A reference of which an issued statement says something else than the books say now."""

    reference: str
    folio: str | None
    modality: Modality | None                          # None: the books have it no more
    counted: bool                                      # in the statement
    why_then: str
    counts: bool                                       # now
    why_now: str


def of_folio(facts: FolioFacts, counted: Collection[Counted], metered: bool = True) -> Verdict:
    """The verdict on a folio. A person's decision goes before every rule; `metered`: its day belongs to the month's allowance."""
    kind, reason = _kind(facts)
    if facts.decision is not None:
        said = facts.decision
        return Verdict(kind, said.counts, f'decisión de {said.by} del {said.day:%d/%m/%Y}: {said.reason}')
    return _ruled(kind, reason, counted, metered)


def of_other(kind: Counted, counted: Collection[Counted], metered: bool = True) -> Verdict:
    """The verdict on what is no folio of its own: it counts only by contract."""
    return _ruled(kind, OF_OTHERS[kind], counted, metered)


def correction(issued: Mapping[str, Said], now: Sequence[Request]) -> tuple[Correction, ...]:
    """What changed since a statement was issued, by reference: merged or cancelled later, decided by a person, found afterwards.

    `issued` holds all references of the statement, counted or not; `now` all requests of the same client and month.
    """
    known = {request.reference: request for request in now}
    changed = []
    for reference in sorted(issued.keys() | known.keys()):
        then, request = issued.get(reference, Said(False, UNKNOWN)), known.get(reference)
        counts = request is not None and request.counts
        if then.counts != counts:
            changed.append(Correction(reference, request.folio if request else _number(reference), request.modality if request else None,
                                      then.counts, then.reason, counts, request.reason if request else GONE))
    return tuple(changed)


def _ruled(kind: Counted | None, reason: str, counted: Collection[Counted], metered: bool) -> Verdict:
    counts = kind is None or kind in counted
    if counts and not metered:
        return Verdict(kind, False, NOT_METERED)
    return Verdict(kind, counts, f'{reason}; {BY_CONTRACT}' if kind and counts else reason)


def _kind(facts: FolioFacts) -> tuple[Counted | None, str]:
    """What a folio is, and the words for it."""
    if facts.duplicate_of:
        return Counted.DUPLICATE, f'duplicado del folio {facts.duplicate_of}'
    if facts.cancel_cause == CancelCause.SPAM:
        return Counted.SPAM, 'cancelado: no era una solicitud'
    if facts.cancel_cause == CancelCause.OUR_ERROR:
        return Counted.OUR_ERROR, 'cancelado por error nuestro'
    if facts.abandoned and not facts.followed_up:
        return Counted.ABANDONED, 'abandonada antes de un agente y sin seguimiento'
    if facts.state == State.CANCELLED:
        return None, f'{CONFIRMED}; se canceló después'
    return None, f'{CONFIRMED}; se le dio seguimiento después de la llamada abandonada' if facts.abandoned else CONFIRMED


def _number(reference: str) -> str | None:
    series, _, number = reference.partition(':')
    return number if series == 'folio' else None
