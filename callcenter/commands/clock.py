"""`mesa clock`: the clock of a demo site, which every decision follows."""
from __future__ import annotations

from datetime import datetime

import click
from babel.dates import format_datetime

from callcenter.asterisk import Asterisk
from callcenter.clock import clear_clock, parse_instant, set_clock, tell_asterisk
from callcenter.console import print_json, say
from callcenter.instance import Instance, pass_instance


@click.group()
def clock() -> None:
    """Set the clock of a demo site. It stands still until it is set again or cleared."""


@clock.command('set')
@click.argument('time')
@pass_instance
def set_(instance: Instance, time: str) -> None:
    """Stop the clock at TIME: 2026-11-24T10:00 in the site's zone, or with an offset such as -06:00."""
    site = instance.site()
    instant = parse_instant(time, site.zone)
    set_clock(instance.root, site.demo, instant)
    _follow(instance, instant)
    _tell(instance)


@clock.command()
@pass_instance
def clear(instance: Instance) -> None:
    """Let the clock run again."""
    clear_clock(instance.root, instance.site().demo)
    _follow(instance, None)
    _tell(instance)


@clock.command()
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_instance
def show(instance: Instance, as_json: bool) -> None:
    """Tell what time it is for Mesa."""
    _tell(instance, as_json)


def _follow(instance: Instance, instant: datetime | None) -> None:
    """Take the dialplan along: its own clock, and its table of hours, which begins at the present."""
    from callcenter.hours_table import renew
    if Asterisk(instance.place).is_running():
        tell_asterisk(instance.place, instant)
    renew(instance)


def _tell(instance: Instance, as_json: bool = False) -> None:
    site = instance.site()
    clock_ = instance.clock(site)
    if as_json:
        print_json({'now': clock_.now().isoformat(), 'set': clock_.set_to() is not None})
        return
    local = format_datetime(clock_.now(), "EEEE d MMMM y, HH:mm:ss 'in' VV", tzinfo=site.zone, locale='en')
    say(f'{local} ({"set: it stands still" if clock_.set_to() else "the system clock"})')
