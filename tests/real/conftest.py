"""Real instances for tests: one that the tests of a file share, and as many of their own as they ask for."""
from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.real.instance import RealMesa


@pytest.fixture(scope='module')
def mesa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealMesa]:
    """The demo site on SQLite, shared by all tests of a file. Who sets its clock clears it again; who breaks it makes an own one."""
    shared = RealMesa(tmp_path_factory.mktemp('mesa'), clock='2026-11-24T10:00')
    yield shared
    shared.stop()


@pytest.fixture
def make_mesa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., RealMesa]]:
    """Makes an instance of a test's own: make_mesa(edit=..., clock=..., environment=..., fax=...)."""
    made: list[RealMesa] = []

    def make(**wishes: object) -> RealMesa:
        made.append(RealMesa(tmp_path_factory.mktemp('own'), **wishes))  # type: ignore[arg-type]
        return made[-1]
    yield make
    for instance in made:
        instance.stop()
