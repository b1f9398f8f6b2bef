"""FastAGI: the server, one caller's session, and one handler a file."""
