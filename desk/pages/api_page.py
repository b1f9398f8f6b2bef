"""The API for people who write programs: the OpenAPI file, and the same as a page."""
from __future__ import annotations

from functools import cache
from typing import Any

from desk.api.openapi import openapi, roles_of, statuses
from desk.desk import Desk
from desk.web.frame import Answer, Route, Visit, json_answer
from desk.web.render import page

_file = cache(openapi)                                 # of one table of routes; it never changes while we run


def give_file(desk: Desk, visit: Visit) -> Answer:
    """The OpenAPI file."""
    return json_answer(_file(desk.routes), headers=(('Cache-Control', 'no-cache'),))


def show_api(desk: Desk, visit: Visit) -> Answer:
    """Every call of the API: what it does, who may, what it takes and answers."""
    routes = [route for route in desk.routes if route.is_api]
    told = _file(desk.routes)
    models = {model.__name__: told['components']['schemas'].get(model.__name__)
              for route in routes for model in (route.takes, route.gives) if model is not None}
    return page(visit, 'api.html.j2', title='API', calls=[_call(route, told) for route in routes],
                models={name: _fields(schema) for name, schema in sorted(models.items()) if schema})


def _call(route: Route, told: dict[str, Any]) -> dict[str, Any]:
    operation = told['paths'][route.path][route.method.lower()]
    return {'method': route.method, 'path': route.path, 'summary': route.summary, 'roles': roles_of(route),
            'statuses': ', '.join(map(str, statuses(route))), 'parameters': operation.get('parameters', ()),
            'takes': route.takes and route.takes.__name__, 'gives': route.gives and route.gives.__name__}


def _fields(schema: dict[str, Any]) -> list[tuple[str, str, bool, str]]:
    """Name, type in a word, whether it must be there, meaning."""
    return [(name, _type(field), name in schema.get('required', ()), field.get('description', ''))
            for name, field in schema.get('properties', {}).items()]


def _type(field: dict[str, Any]) -> str:
    if choices := field.get('anyOf'):
        return ' | '.join(_type(choice) for choice in choices)
    if '$ref' in field:
        return str(field['$ref']).rpartition('/')[2]
    if 'enum' in field:
        return ' | '.join(map(str, field['enum']))
    of = f' ({_type(field["items"])})' if 'items' in field else ''
    return f'{field.get("type", "?")}{of}'
