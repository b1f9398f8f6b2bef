"""Schemathesis against a running desk: whatever it sends, every answer is as the OpenAPI file says, and none is a defect of ours."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from desk.routes import ROUTES
from storage.engine import Database
from tests.desk_office import Office, office, served

SECONDS = 40
# What the file cannot say is said by 422 and 409, and what is not there by 404. All else that is as the file says must be taken.
SETTINGS = """
[checks]
positive_data_acceptance.expected-statuses = ["2xx", 404, 409, 422]
"""
OF_OURS = """
[[operations]]
include-path-regex = "^/api/v1/folios/"
parameters = {{ "path.number" = "{number}" }}
[[operations]]
include-path = "/api/v1/lines/{{number}}"
parameters = {{ "path.number" = "+528005550101" }}
[[operations]]
include-path = "/api/v1/clients/{{client}}/users"
parameters = {{ "path.client" = "acme" }}
[[operations]]
include-path = "/api/v1/calls/{{linkedid}}"
parameters = {{ "path.linkedid" = "mesa-0.1" }}
"""


@pytest.fixture
def desk(migrated_file: Path, tmp_path: Path) -> Office:
    file = tmp_path / 'mesa.db'
    file.write_bytes(migrated_file.read_bytes())
    return office(Database(f'sqlite:///{file}', patience_s=20), tmp_path)


def nothing_found(desk: Office, who: str, settings: str, seconds: int, *more: str) -> None:
    """Run it as the program `who`, each time with the same questions, at most so long."""
    file = desk.folder / 'schemathesis.toml'
    with served(desk) as port:
        file.write_text(settings)
        done = subprocess.run(
            [str(Path(sys.executable).parent / 'schemathesis'), '--config-file', str(file), 'run',
             f'http://127.0.0.1:{port}/api/v1/openapi.json', '--include-path-regex', '^/api/v1/', '--checks', 'all', '--header',
             f'Authorization: Bearer {desk.tokens[who]}', '--max-time', str(seconds), '--no-color', '--warnings', 'off', *more],
            cwd=desk.folder, capture_output=True, text=True, timeout=seconds + 120, check=False)
    assert done.returncode == 0, f'{done.stdout[-9000:]}{done.stderr[-2000:]}'
    assert f'Tested: {sum(route.is_api for route in ROUTES)}' in ' '.join(done.stdout.split()), done.stdout[-2000:]


@pytest.mark.timeout(240)
def test_any_path(desk: Office) -> None:
    nothing_found(desk, 'supervisor-crm', SETTINGS, SECONDS, '--generation-deterministic', '--max-examples', '15')


@pytest.mark.timeout(240)
def test_things_that_are_there(desk: Office) -> None:
    nothing_found(desk, 'acme-agent-crm', SETTINGS + OF_OURS.format(number=desk.mine), SECONDS, '--generation-deterministic',
                  '--max-examples', '15')


@pytest.mark.long
@pytest.mark.timeout(1500)
@pytest.mark.parametrize('who', ['supervisor-crm', 'acme-agent-crm', 'acme-crm'])
def test_for_long(desk: Office, who: str) -> None:
    nothing_found(desk, who, SETTINGS + OF_OURS.format(number=desk.mine), 400, '--seed', '20261124', '--max-examples', '300')
