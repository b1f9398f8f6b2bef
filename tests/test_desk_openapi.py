"""The OpenAPI file: every route is in it, it is a valid one, and the copy in docs/ is current."""
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
from pydantic import BaseModel

from desk.accounts.values import AGENTS
from desk.api.openapi import PATH, openapi, statuses, written
from desk.routes import ROUTES
from desk.web.frame import Route

COPY = Path(__file__).resolve().parent.parent / 'docs' / 'openapi.json'
FILE = openapi(ROUTES)


def operations() -> list[tuple[Route, dict[str, Any]]]:
    return [(route, FILE['paths'][route.path][route.method.lower()]) for route in ROUTES]


def test_the_copy_is_current() -> None:
    assert COPY.read_text() == written(ROUTES), 'renew it: .venv/bin/python -m desk.api > docs/openapi.json'


def test_every_route_is_in_the_file_and_nothing_else() -> None:
    there = {(method.upper(), path) for path, methods in FILE['paths'].items() for method in methods}
    assert there == {(route.method, route.path) for route in ROUTES}
    assert len({operation['operationId'] for _, operation in operations()}) == len(ROUTES)


def test_every_reference_leads_somewhere() -> None:
    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value['$ref']] if isinstance(value.get('$ref'), str) else []
            return [*own, *(r for each in value.values() for r in references(each))]
        return [r for each in value for r in references(each)] if isinstance(value, list) else []
    told = references(FILE)
    assert told
    assert not [r for r in told if r.removeprefix('#/components/schemas/') not in FILE['components']['schemas']]
    assert not [name for name in FILE['components']['schemas'] if f'#/components/schemas/{name}' not in told]


def test_every_schema_is_one() -> None:
    for name, schema in FILE['components']['schemas'].items():
        assert jsonschema_rs.meta.is_valid({'$schema': 'https://json-schema.org/draft/2020-12/schema', **schema}), name


def test_who_may_and_how_he_shows_it() -> None:
    for route, told in operations():
        assert told['x-roles'] == sorted(route.roles)
        wanted = [] if not route.roles else [{'token' if route.is_api else 'session': []}]
        assert told['security'] == wanted, route.path
        if route.is_api and route.roles:
            assert {'401', '403', '429', '500', '503'} <= set(told['responses'])
        assert {parameter['name'] for parameter in told.get('parameters', ()) if parameter['in'] == 'path'} == {
            part[1:-1] for part in route.path.split('/') if part.startswith('{')}


def test_a_call_of_the_api_has_models() -> None:
    for route, _ in operations():
        if route.is_api and route.path != PATH:
            assert route.gives is not None, f'{route.method} {route.path}: say in desk/routes.py what it gives'
            assert (route.takes is not None) == (route.method == 'POST'), f'{route.method} {route.path}: say what it takes'


def test_pages_stand_there_as_what_they_are() -> None:
    class Form(BaseModel):
        title: str

    def handler(desk: Any, visit: Any) -> Any: ...
    page = Route('POST', '/folios/{number}/nota', handler, AGENTS, 'A note.', form=Form)
    stream = Route('GET', '/eventos', handler, AGENTS, 'Events.', streams=True, media='text/event-stream')
    sound = Route('GET', '/grabacion', handler, AGENTS, 'Sound.', media='audio/wav')
    told = openapi((page, stream, sound))['paths']
    form = told['/folios/{number}/nota']['post']['requestBody']['content']['application/x-www-form-urlencoded']['schema']
    assert form['required'] == ['csrf', 'title']
    assert set(told['/folios/{number}/nota']['post']['responses']['200']['content']) == {'text/html'}
    assert set(told['/eventos']['get']['responses']['200']['content']) == {'text/event-stream'}
    assert set(told['/grabacion']['get']['responses']['200']['content']) == {'audio/wav'}
    assert 303 in statuses(page)
    assert 101 in statuses(replace(stream, media='websocket'))
    assert json.loads(written((page,)))['openapi'] == '3.1.0'
