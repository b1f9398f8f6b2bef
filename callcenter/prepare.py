"""Everything that must stand before Asterisk and Mesa start: program, folder, database, site in force, table of hours."""
from __future__ import annotations

from pathlib import Path

from callcenter.applied import applied_files, applied_number
from callcenter.console import Complaint, say, step
from callcenter.instance import Instance
from callcenter.provision import ensure_asterisk
from config.place import Place
from config.problems import ConfigErrors


def prepare(root: Path) -> Instance:
    """Make or complete the instance in a folder. Quick and quiet when nothing is missing; Complaint with every problem of the site."""
    ensure_asterisk()
    if not (root / 'instance.toml').exists():
        say(f'· making an instance in {root}')
    instance = Instance.create(root)
    link_share(instance.place)
    migrate(instance)
    put_in_force(instance)
    from callcenter.hours_table import renew
    renew(instance)
    return instance


def link_share(place: Place) -> None:
    """Show Asterisk its own data (documentation, music) beside our sounds; our sound folder is laid out at every apply."""
    for source in place.prefix_share.iterdir():
        link = place.share / source.name
        if source.name != 'sounds' and not (link.is_symlink() and link.readlink() == source):
            link.unlink(missing_ok=True)
            link.symlink_to(source)


def migrate(instance: Instance) -> None:
    """Bring the database to the present schema; an SQLite file is made when it does not exist."""
    from storage.engine import DatabaseUnavailable
    from storage.migrate import current, newest, upgrade
    try:
        found = current(instance.database_url)
    except DatabaseUnavailable:                        # a new SQLite file, or a server that will be told again with more patience
        found = None
    if found != newest():
        with step('bringing the database up to date'):
            upgrade(instance.database_url)


def put_in_force(instance: Instance) -> None:
    """Apply the edited site at the first start; later only render the site in force anew when Mesa itself or the ports have changed."""
    from callcenter.apply import apply, draft
    first = applied_number(instance.place) is None
    try:
        new = draft(instance, instance.place.edited_site if first else instance.place.site.resolve())
    except ConfigErrors as errors:
        problems = '\n'.join(f'  {problem}' for problem in errors.problems)
        raise Complaint(f'The site cannot be used:\n{problems}') from None
    if first or applied_files(instance.place) != new.files:
        with step('applying the site' if first else 'rendering the site in force anew'):
            apply(instance, new)
