"""Keeps the dialplan's table of open intervals fresh for the next 14 days, from the engine that answers the phone (mission.md 3.7)."""
from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from callcenter.asterisk import Asterisk
from callcenter.files import write_whole
from callcenter.instance import Instance
from config.intervals import LineTable, fallback_table
from config.place import Place
from config.render import render_hours
from config.values import Site
from storage.engine import Database
from ticketing.overrides import Overrides


def current_tables(instance: Instance, site: Site, now: datetime) -> tuple[LineTable, ...]:
    """Every line's table from `now` on, the stored overrides included."""
    database = Database(instance.database_url, patience_s=5.0)
    try:
        return fallback_table(site, Overrides(database).current(now), now)
    finally:
        database.close()


def write_hours(place: Place, tables: Sequence[LineTable]) -> None:
    """Replace the file that the dialplan includes, whole."""
    write_whole(place.hours_file, render_hours(tables))


def renew(instance: Instance) -> None:
    """Write the table anew for the present and let a running Asterisk read it."""
    site = instance.site()
    write_hours(instance.place, current_tables(instance, site, instance.clock(site).now()))
    asterisk = Asterisk(instance.place)
    if asterisk.is_running():
        asterisk.command('dialplan reload')
