"""What can go wrong while Mesa talks with Asterisk about one call."""
from __future__ import annotations


class AgiError(Exception):
    """Base of everything that a call session raises."""


class CallerGone(AgiError):
    """The caller hung up, or Asterisk closed the connection: a normal end."""


class AsteriskSilent(AgiError):
    """Asterisk did not answer a command, or send its environment, before the deadline."""


class BadReply(AgiError):
    """Asterisk refused a command (its text is quoted), or what it sent is no answer to what was asked."""


class UnsafeValue(AgiError):
    """A value that could break a command open or be evaluated by the dialplan; nothing was sent."""
