"""Who may sign in to the desk, what he may do, and what is remembered of it (mission.md 6.1-6.4)."""
