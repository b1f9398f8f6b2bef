"""What commands let their users choose: a month; a command that goes without its name."""
from __future__ import annotations

from typing import Any

import click

from contracts.months import Month


class ShowUnlessNamed(click.Group):
    """`mesa statement acme 2026-10` is `mesa statement show acme 2026-10`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `show` where no command is named."""
        named = bool(args) and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if named else ['show', *args])


class MonthType(click.ParamType):
    """A month as '2026-10'."""

    name = 'month'

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Month:
        """From what was typed."""
        if isinstance(value, Month):
            return value
        try:
            return Month.parse(value)
        except ValueError:
            self.fail(f'{value!r} is not a month. Write it like 2026-10.', param, ctx)
