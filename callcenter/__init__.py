"""The command line, the wiring and the supervision of Mesa: imports everything, and nothing imports it."""
