"""Everything that must stand before Asterisk and Mesa start: program, folder, database, site in force, table of hours."""
from __future__ import annotations

from pathlib import Path

from callcenter.applied import applied_files, applied_number
from callcenter.commands.doctor import own_name
from callcenter.console import say, step
from callcenter.instance import Instance
from callcenter.provision import ensure_asterisk
from config.place import Place
from config.problems import ConfigErrors


def prepare(root: Path) -> Instance:
    """Make or complete the instance in a folder. Quick and quiet when nothing is missing.

    Raises ConfigErrors with every problem of the site, Complaint, StorageError.
    """
    ensure_asterisk()
    warn_about_own_name()
    if not (root / 'instance.toml').exists():
        say(f'· making an instance in {root}')
    instance = Instance.create(root)
    link_share(instance.place)
    migrate(instance)
    put_in_force(instance)
    from callcenter.hours_table import renew
    renew(instance)
    return instance


def warn_about_own_name() -> None:
    """Say at every start what would make each call wait; it is the machine's owner who edits /etc/hosts."""
    for finding in own_name():
        if finding.level == 'bad':
            say(f'· warning: {finding.text}')


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
    from callcenter.apply import apply, draft, recover
    recover(instance)
    if applied_number(instance.place) is None:
        with step('applying the site'):
            apply(instance, draft(instance))
        return
    try:
        new = draft(instance, instance.place.site.resolve())
    except ConfigErrors as errors:                     # what answered the telephone yesterday also does today
        say(f'· the site in force would not be applied today; it starts as it was applied:\n{errors}')
        return
    if applied_files(instance.place) != new.files:
        with step('rendering the site in force anew'):
            apply(instance, new)
