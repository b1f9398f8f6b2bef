"""Verified closing: whom to ask, when to call, and what the answer means (mission.md 4.7)."""
