"""The desk: web pages and an API for agents, supervisors, admins and clients, and the confirmation page (mission.md chapter 6)."""
