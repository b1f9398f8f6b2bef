"""The wallboard (mission.md 6.3)."""
