"""Web pages for agents, supervisors, admins and clients; now only the one where a user confirms that his folio is solved."""
