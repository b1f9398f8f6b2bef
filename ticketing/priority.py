"""How urgent a folio is, from how much it stops and how soon it hurts (mission.md 4.1). Pure."""
from __future__ import annotations

from collections.abc import Mapping

from ticketing.values import Level, NotAllowed

LOW, MEDIUM, HIGH = Level.LOW, Level.MEDIUM, Level.HIGH

# (impact, urgency) -> priority. High only where neither is low; low only where neither is high.
MATRIX: Mapping[tuple[Level, Level], Level] = {
    (LOW, LOW): LOW, (LOW, MEDIUM): LOW, (LOW, HIGH): MEDIUM,
    (MEDIUM, LOW): LOW, (MEDIUM, MEDIUM): MEDIUM, (MEDIUM, HIGH): HIGH,
    (HIGH, LOW): MEDIUM, (HIGH, MEDIUM): HIGH, (HIGH, HIGH): HIGH,
}


def level_of(text: str, what: str) -> Level:
    """The level that a word names. Raises NotAllowed."""
    try:
        return Level(text)
    except ValueError:
        raise NotAllowed(f'{what} is {text!r}: it must be {", ".join(Level)}', 'Elija impacto y urgencia de la lista.') from None


def priority_of(impact: str, urgency: str) -> Level:
    """The priority of an impact and an urgency. Raises NotAllowed for what is no level."""
    return MATRIX[level_of(impact, 'the impact'), level_of(urgency, 'the urgency')]
