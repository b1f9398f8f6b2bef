"""Service levels: the contract's terms, the clock of a folio, and the ladder of those who are told (mission.md 4.5)."""
