"""What admins decide, as frozen values: clients, lines, menus, hours, service levels."""
