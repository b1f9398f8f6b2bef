"""Calls as agents see them: the card of a call, and the seat of each agent (mission.md 6.1)."""
