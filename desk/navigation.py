"""What stands in the menu of each role, and where each begins."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from desk.accounts.values import Person, Role


@dataclass(frozen=True)
class MenuItem:
    """One entry: where it leads, what it is called, and the key that leads there after `g`."""

    path: str
    title: str
    key: str


_WORK = MenuItem('/folios', 'Folios', 'f')
_SEARCH = MenuItem('/buscar', 'Buscar', 'b')
_BOARD = MenuItem('/tablero', 'Tablero', 't')
_STATISTICS = MenuItem('/estadisticas', 'Estadísticas', 'e')
_LINES = MenuItem('/lineas', 'Líneas', 'l')
_CALENDARS = MenuItem('/calendarios', 'Calendarios', 'c')
_QUEUES = MenuItem('/colas', 'Colas', 'q')
_HEALTH = MenuItem('/salud', 'Salud', 's')
_STATEMENTS = MenuItem('/estados', 'Estados de cuenta', 'd')
_CONTRACTS = MenuItem('/contratos', 'Contratos', 'o')
_MOVES = MenuItem('/cambios-de-domicilio', 'Domicilios', 'm')
_LOG = MenuItem('/bitacora', 'Bitácora', 'a')

MENUS: Mapping[Role, tuple[MenuItem, ...]] = {
    Role.AGENT: (MenuItem('/agente', 'Mi puesto', 'p'), _WORK, _SEARCH),
    Role.SUPERVISOR: (MenuItem('/agente', 'Mi puesto', 'p'), _BOARD, _STATISTICS, _STATEMENTS, _CONTRACTS, _MOVES, _WORK, _SEARCH,
                      _LINES, _CALENDARS, _QUEUES),
    Role.ADMIN: (_HEALTH, _BOARD, _STATISTICS, _STATEMENTS, _CONTRACTS, _MOVES, _LINES, _CALENDARS, _QUEUES, _LOG),
    Role.CONTACT: (MenuItem('/cliente/folios', 'Mis folios', 'f'), MenuItem('/cliente/confirmaciones', 'Por confirmar', 'c'),
                   MenuItem('/cliente/estados', 'Estados de cuenta', 'e'), MenuItem('/cliente/cambios', 'Cambios de domicilio', 'd')),
}


def menu_of(person: Person | None) -> tuple[MenuItem, ...]:
    """The menu of somebody."""
    return MENUS[person.role] if person else ()


def home_of(person: Person) -> str:
    """The page on which somebody begins."""
    return MENUS[person.role][0].path
