"""Asterisk's telling of what happened: the AMI link, the journal and the call log that is folded from it."""
