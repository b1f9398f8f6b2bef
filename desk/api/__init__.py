"""The JSON API for programs of clients and of ours: /api/v1, described by its own OpenAPI file."""
