"""What commands that only look may know: the site in force (or the edited or example one before the first `up`), books, clock."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from functools import wraps
from pathlib import Path
from typing import Any

from callcenter.asterisk import Asterisk, Offered
from callcenter.clock import Clock
from callcenter.console import Complaint, instance_root
from callcenter.instance import EXAMPLE, Instance
from callcenter.ports import USUAL
from callcenter.provision import asterisk_prefix, triplet
from config.load import load
from config.place import Place
from config.values import Override, Site
from storage.engine import Database
from ticketing.overrides import Overrides, StandingOverride

PATIENCE_S = 5.0


class Reading:
    """An instance to look at. Works before the first `up`, too: then the example site is shown and there are no books."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def instance(self) -> Instance:
        """The instance itself. Complaint when there is none yet."""
        return Instance.open(self.root)

    def exists(self) -> bool:
        """Whether there is an instance."""
        return (self.root / 'instance.toml').is_file()

    def is_in_use(self) -> bool:
        """Whether a site is in force, and so there are books."""
        return self.exists() and self.instance().place.current.exists()

    def place(self) -> Place:
        """Where the instance stands, or would stand."""
        return self.instance().place if self.exists() else Place(self.root, asterisk_prefix(), USUAL, triplet=triplet())

    def site(self) -> Site:
        """The site in force; before the first apply the edited one. Raises ConfigErrors."""
        return self.instance().site() if self.is_in_use() else self.edited_site()

    def site_folder(self) -> Path:
        """The folder that the admin edits; the example when there is no instance."""
        edited = self.root / 'site'
        return edited if edited.is_dir() else EXAMPLE

    def edited_site(self) -> Site:
        """The site as its files stand now, with the terms of today. Raises ConfigErrors."""
        site = load(self.site_folder())
        return site.on(self.today(site))

    def now(self, site: Site) -> datetime:
        """The present instant, or the set clock of a demo site."""
        return Clock(self.root, site.demo).now()

    def today(self, site: Site) -> date:
        """The present date in the site's zone."""
        return self.now(site).astimezone(site.zone).date()

    def offered(self) -> Offered:
        """What the running Asterisk offers to a dialplan; nothing when it does not run or hangs: then it is not known."""
        if not self.is_in_use():
            return Offered()
        try:
            return Asterisk(self.instance().place).offered()
        except Complaint:
            return Offered()

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The books. Complaint when there are none yet."""
        instance = self.instance()
        if not self.is_in_use():
            raise Complaint(f'There are no books yet in {self.root}. Start it once with: mesa up')
        database = Database(instance.database_url, patience_s=PATIENCE_S)
        try:
            yield database
        finally:
            database.close()

    def standing_overrides(self, now: datetime) -> tuple[StandingOverride, ...]:
        """The stored overrides that matter from `now` on, with their ids. StorageError when the database does not answer."""
        if not self.is_in_use():
            return ()
        with self.database() as database:
            return Overrides(database).standing(now)

    def overrides(self, now: datetime) -> tuple[Override, ...]:
        """The same as the decision engine takes them."""
        return tuple(standing.override for standing in self.standing_overrides(now))


def pass_reading(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command a `Reading` of the chosen instance as its first argument."""
    @wraps(command)
    def reading(*args: Any, **kwargs: Any) -> Any:
        return command(Reading(instance_root()), *args, **kwargs)
    return reading
