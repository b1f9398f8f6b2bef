"""The OpenAPI file, made from the table of routes; pure. `python -m desk.api > docs/openapi.json` renews the copy."""
from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from desk.accounts.values import ALL_ROLES
from desk.api.models import Given, Problem
from desk.web.failures import PROBLEM
from desk.web.frame import HTML, Route
from desk.web.reading import MULTIPART, URLENCODED

VERSION = '1'
PATH = '/api/v1/openapi.json'
WORD = re.compile(r'\{(\w+)\}')
SCHEMAS = '#/components/schemas/'
KEY = {'name': 'Idempotency-Key', 'in': 'header', 'required': True, 'schema': {'type': 'string', 'pattern': '^[!-~]{1,128}$'},
       'description': 'Of your own, one for each folio: the same key answers the same folio.'}
ABOUT = """The desk of Mesa. Paths under /api/v1 are for programs: JSON, a token in `Authorization: Bearer`, errors as RFC 9457
problems. All other paths are pages for people, in Spanish; they are listed so that nothing is hidden.
400: the request is not as this file says. 404: it is not there, or not for this token. 409: the folio has moved on.
422: a rule forbids it."""


def openapi(routes: Iterable[Route]) -> dict[str, Any]:
    """The whole file."""
    schemas: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    _reference(Problem, schemas)
    return {
        'openapi': '3.1.0',
        'info': {'title': 'Mesa', 'version': VERSION, 'description': ABOUT},
        'paths': paths,
        'components': {
            'schemas': dict(sorted(schemas.items())),
            'securitySchemes': {
                'token': {'type': 'http', 'scheme': 'bearer', 'description': 'Made by `mesa token add`.'},
                'session': {'type': 'apiKey', 'in': 'cookie', 'name': 'mesa', 'description': 'Of who signed in; __Host-mesa over TLS.'}}}}


def written(routes: Iterable[Route]) -> str:
    """The file as it is kept."""
    return json.dumps(openapi(routes), ensure_ascii=False, indent=1) + '\n'


def statuses(route: Route) -> tuple[int, ...]:
    """What a route may answer."""
    may = set() if not route.roles else {401, 403}
    if route.is_api:
        may |= {200, 400, 500, 503} | ({201} if route.creates else set()) | ({429} if route.roles else set()) | {413}
        may |= {404} if WORD.search(route.path) else set()
        may |= {422} if route.takes or route.asks else set()
        may |= {409, 415} if route.takes else set()
    elif route.streams:
        may |= {101} if route.media == 'websocket' else {200}
        may |= {400, 404, 413, 500, 503}
    else:
        may |= {200, 303, 400, 404, 413, 500, 503}
        may |= {401, 403, 409, 415, 422, 429} if route.method != 'GET' else set()
    return tuple(sorted(may))


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {
        'operationId': _name(route), 'summary': route.summary, 'tags': ['api' if route.is_api else 'pages'],
        'x-roles': sorted(route.roles), 'responses': {str(status): _response(route, status, schemas) for status in statuses(route)},
        'security': [{'token' if route.is_api else 'session': []}] if route.roles else []}
    if parameters := [*_of_path(route), *_of_query(route, schemas), *([KEY] if route.creates else ())]:
        told['parameters'] = parameters
    if body := _body(route, schemas):
        told['requestBody'] = {'required': True, 'content': body}
    return told


def _name(route: Route) -> str:
    words = re.sub(r'[^a-z0-9]+', ' ', route.path.removeprefix('/api/v1').lower()).split()
    return '_'.join([route.method.lower(), *([] if route.is_api else ['page']), *words])


def _of_path(route: Route) -> list[dict[str, Any]]:
    return [{'name': word, 'in': 'path', 'required': True, 'schema': {'type': 'string', 'minLength': 1, 'maxLength': 200,
                                                                      'pattern': '^[^/]+$'}}
            for word in WORD.findall(route.path)]


def _of_query(route: Route, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    if route.asks is None:
        return [{'name': name, 'in': 'query', 'description': meaning, 'schema': {'type': 'string'}} for name, meaning in route.query]
    model = _schema(route.asks, schemas)
    return [{'name': name, 'in': 'query', 'required': name in model.get('required', ()), **_parameter(field)}
            for name, field in model['properties'].items()]


def _parameter(field: Mapping[str, Any]) -> dict[str, Any]:
    """A query's field is there or not, and never null."""
    choices = [choice for choice in field.get('anyOf', ()) if choice != {'type': 'null'}]
    schema: dict[str, Any] = {name: value for name, value in field.items() if name not in ('anyOf', 'default', 'title', 'description')}
    if len(choices) == 1:
        schema.update(choices[0])
    if field.get('default') is not None:
        schema['default'] = field['default']
    return {'schema': schema, 'description': field.get('description', '')}


def _body(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    if route.takes is not None:
        return {'application/json': {'schema': _reference(route.takes, schemas)}}
    if route.method == 'GET' or route.is_api:
        return {}
    model: dict[str, Any] = _schema(route.form, schemas) if route.form is not None else {'type': 'object'}
    csrf = {'type': 'string', 'description': 'The hidden field of the page.'}
    schema = {**model, 'properties': {'csrf': csrf, **model.get('properties', {})}, 'required': ['csrf', *model.get('required', ())]}
    return {kind: {'schema': schema} for kind in (URLENCODED, MULTIPART)}


def _response(route: Route, status: int, schemas: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {'description': HTTPStatus(status).phrase}
    text = {'schema': {'type': 'string'}}
    if route.is_api and status >= 400:
        told['content'] = {PROBLEM: {'schema': _reference(Problem, schemas)}}
    elif route.is_api and route.gives is None:
        told['content'] = {'application/json': {'schema': {'type': 'object'}}}
    elif route.is_api:
        told['content'] = {'application/json': {'schema': _reference(route.gives, schemas)}}
    elif status == 200 and route.media:
        told['content'] = {route.media: text}
    elif status not in (101, 303):
        told['content'] = {HTML.partition(';')[0]: text}
    if status == 401 and route.is_api:
        told['headers'] = {'WWW-Authenticate': {'required': True, **text}}
    if status in (429, 503) and route.is_api:
        told['headers'] = {'Retry-After': {'required': True, 'schema': {'type': 'string', 'pattern': '^[0-9]+$'}}}
    if status in (201, 303) or (status == 200 and route.creates):
        told['headers'] = {'Location': {'required': True, **text}}
    return told


def _reference(model: Any, schemas: dict[str, Any]) -> dict[str, str]:
    if model.__name__ not in schemas:
        schemas[model.__name__] = _schema(model, schemas)
    return {'$ref': SCHEMAS + model.__name__}


def _schema(model: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """The JSON schema of a model, its parts moved to the components; answers as they are written, questions as they are read."""
    told: dict[str, Any] = model.model_json_schema(
        ref_template=SCHEMAS + '{model}', mode='serialization' if issubclass(model, Given) else 'validation')
    schemas |= told.pop('$defs', {})
    return told


def roles_of(route: Route) -> str:
    """Who may, in a word."""
    return 'everybody' if not route.roles else 'all roles' if route.roles == ALL_ROLES else ', '.join(sorted(route.roles))
