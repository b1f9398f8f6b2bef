"""Webhooks: what a client's own systems hear of, through an outbox of their own."""
