"""E-mail: letters that leave by the outbox, and letters that come in (mission.md 4.6, 4.8)."""
