"""The page on which a user confirms that his folio is solved: the one page that strangers reach (mission.md 4.7)."""
