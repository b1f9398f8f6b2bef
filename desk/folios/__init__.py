"""A folio as people see it and work on it: what is shown to whom, what is offered, and who else is there (mission.md 6.2, 6.4)."""
