"""Texts that are read by a spreadsheet. Pure."""
from __future__ import annotations

BEGIN_A_FORMULA = ('=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r', '\n')
PASSED_OVER = ' \N{NO-BREAK SPACE}\N{ZERO WIDTH SPACE}\N{ZERO WIDTH NO-BREAK SPACE}'    # by a spreadsheet that looks for one


def safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula: an apostrophe goes before one that could begin one."""
    return f"'{text}" if text.lstrip(PASSED_OVER).startswith(BEGIN_A_FORMULA) else text
