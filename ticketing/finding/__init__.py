"""Finding folios: who may see which, lists with pages, full-text search."""
