"""What commands that only look may know: the site in force (or the edited or example one before the first `up`), books, clock."""
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any

from callcenter.clock import Clock
from callcenter.console import instance_root
from callcenter.instance import EXAMPLE, Instance
from config.load import load
from config.values import Override, Site
from storage.engine import Database
from ticketing.overrides import Overrides


class Reading:
    """An instance to look at. Works before the first `up`, too: then the example site is shown and there are no books."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def instance(self) -> Instance:
        """The instance itself. Complaint when there is none yet."""
        return Instance.open(self.root)

    def exists(self) -> bool:
        return (self.root / 'instance.toml').is_file()

    def site(self) -> Site:
        """The site in force; before the first apply the edited one."""
        if self.exists() and self.instance().place.current.exists():
            return self.instance().site()
        return self.edited_site()

    def site_folder(self) -> Path:
        """The folder that the admin edits; the example when there is no instance."""
        edited = self.root / 'site'
        return edited if edited.is_dir() else EXAMPLE

    def edited_site(self) -> Site:
        """The site as its files stand now; raises ConfigErrors."""
        return load(self.site_folder())

    def now(self, site: Site) -> datetime:
        """The present instant, or the set clock of a demo site."""
        return Clock(self.root, site.demo).now()

    def database(self) -> Database:
        """The books. Complaint when there is no instance yet."""
        return Database(self.instance().database_url, patience_s=5.0)

    def overrides(self, now: datetime) -> tuple[Override, ...]:
        """The stored overrides that matter from `now` on."""
        return Overrides(self.database()).current(now) if self.exists() else ()


def pass_reading(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command a `Reading` of the chosen instance as its first argument."""
    @wraps(command)
    def reading(*args: Any, **kwargs: Any) -> Any:
        return command(Reading(instance_root()), *args, **kwargs)
    return reading

