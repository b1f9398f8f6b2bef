"""Imports go one way, as docs/architecture.md says; nothing else keeps the parts apart."""
from __future__ import annotations

import ast
import configparser
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
LAYERS = ({'storage', 'config'}, {'ivr_flows', 'ticketing'}, {'ami_listener', 'fax', 'agi'}, {'contracts'}, {'desk'}, {'callcenter'})
OURS = set().union(*LAYERS)
# Stricter than the layers: these decide and converse, and know of no database.
WITHOUT_STORAGE = {'config', 'ivr_flows'}
GENERIC = {'config', 'fax', 'agi'}


def allowed(package: str) -> set[str]:
    """What a package may import of ours."""
    rank = next(number for number, layer in enumerate(LAYERS) if package in layer)
    lower = set().union(*LAYERS[:rank])
    return (lower - {'storage'} if package in WITHOUT_STORAGE else lower) | {package}


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and module of every import, those inside functions and `if TYPE_CHECKING` included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert not GENERIC & {name.name for name in node.names}, f'line {node.lineno}: a generic name; import from it'
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f'line {node.lineno}: a relative import'
            yield node.lineno, node.module or ''


def bound(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of every variable and argument; the fields of a class hide nothing."""
    fields = {id(entry.target) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
              for entry in node.body if isinstance(entry, ast.AnnAssign)}
    for node in ast.walk(tree):
        if id(node) in fields:
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg


def files() -> list[Path]:
    return sorted(file for package in OURS for file in (CHECKOUT / package).rglob('*.py'))


@pytest.mark.parametrize('file', files(), ids=lambda file: str(file.relative_to(CHECKOUT)))
def test_a_file_imports_only_what_its_package_may(file: Path) -> None:
    package = file.relative_to(CHECKOUT).parts[0]
    tree = ast.parse(file.read_text())
    wrong = [f'line {line}: {module}' for line, module in imported(tree)
             if module.partition('.')[0] in OURS - allowed(package)]
    assert not wrong


@pytest.mark.parametrize('file', files(), ids=lambda file: str(file.relative_to(CHECKOUT)))
def test_no_variable_hides_a_package_with_a_generic_name(file: Path) -> None:
    assert not [f'line {line}: {name}' for line, name in bound(ast.parse(file.read_text())) if name in GENERIC]


def test_the_table_tells_right_from_wrong() -> None:
    assert 'callcenter' not in allowed('agi')
    assert 'ami_listener' not in allowed('agi')
    assert 'storage' not in allowed('ivr_flows')
    assert 'ivr_flows' not in allowed('ticketing')
    assert allowed('callcenter') == OURS
    hidden = ast.parse('def f():\n  import desk.pages\n  from config.hours import X')
    assert [module for _, module in imported(hidden)] == ['desk.pages', 'config.hours']
    with pytest.raises(AssertionError, match='generic'):
        list(imported(ast.parse('import config')))
    assert {name for _, name in bound(ast.parse('class P:\n  agi: int\ndef f(fax):\n  config = 1'))} == {'config', 'fax'}


def test_every_package_is_installed() -> None:
    setup = configparser.ConfigParser()
    setup.read(CHECKOUT / 'setup.cfg')
    found = (file.parent.relative_to(CHECKOUT).parts for package in OURS for file in (CHECKOUT / package).rglob('__init__.py'))
    assert set(setup['options']['packages'].split()) == {'.'.join(parts) for parts in found}
