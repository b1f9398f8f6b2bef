"""Faxes that we send: documents, the books of jobs, HylaFAX's client programs, the round that follows them (mission.md 5.5, 7.3)."""
