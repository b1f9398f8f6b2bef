"""The small web frame of the desk on twisted.web: one table of routes, and what holds for every one of them."""
