"""Folios: their numbers, their timeline, and what is known about the people who report."""
