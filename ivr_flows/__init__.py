"""Conversations and routing decisions: no socket, no database, no clock."""
