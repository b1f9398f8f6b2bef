"""One file a command of `mesa`; the table is in `callcenter.main`."""
