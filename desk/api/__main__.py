"""`python -m desk.api > docs/openapi.json`: the OpenAPI file of this desk."""
from __future__ import annotations

import sys

from desk.api.openapi import written
from desk.routes import ROUTES

sys.stdout.write(written(ROUTES))
