"""Putting a site in force, and going back: whole and confirmed, or everything as before (mission.md 8.1).

    draft -> lay down aside -> mark the trial -> sounds -> switch the link -> reload -> confirm on Asterisk and Mesa -> history -> unmark

A process may be killed after any of these. The mark is made before anything can be seen and removed after the history is
written, so whoever comes next and finds it goes back to what the history says. Calls in progress are never touched: what
changes is what the next call meets.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from callcenter import voices
from callcenter.applied import applied_number, lay_down, switch_to
from callcenter.asterisk import Asterisk
from callcenter.console import Complaint
from callcenter.day_change import rendered_for_another_day
from callcenter.drafts import Draft, draft, snapshot, tree
from callcenter.history import begin_trial, end_trial, history, is_on_trial, only_one, prune, sweep, write_history
from callcenter.hours_table import current_tables, write_hours
from callcenter.instance import Instance
from callcenter.trial import mesa_serves, missing_parts, read_at_start_only, reload
from config.intervals import LineTable
from config.load import load
from config.place import Place
from config.render import render
from config.values import Site
from contracts.vips import VipWatch
from storage.engine import Database, StorageError
from ticketing.users import import_users

__all__ = ['Applied', 'ApplyFailed', 'Draft', 'apply', 'apply_edited', 'draft', 'recover', 'undo']
MESA_GOES_BACK_S = 2.0
LOOKS = 3                                              # a line that Asterisk tells everybody may stand in the middle of one answer


class ApplyFailed(Complaint):
    """What was to be put in force did not stand its trial; what was in force before is in force again."""


@dataclass(frozen=True)
class Applied:
    """What an apply or an undo did.

    `number` is in force, with the site of apply `site_of` (another one when an undo had to render it anew); `changed`: it was not before;
    `verified`: a running Asterisk (and Mesa, if it runs) has confirmed it; `at_next_start`: files of Asterisk's that have changed and that
    it only reads when it starts.
    """

    number: int
    site_of: int
    changed: bool
    verified: bool
    at_next_start: tuple[str, ...] = ()


def apply_edited(instance: Instance) -> tuple[Applied, Draft]:
    """Put the edited files in force. ConfigErrors with every problem, ApplyFailed, Complaint, StorageError: then nothing has changed."""
    place = instance.place
    with only_one(place), snapshot(place.edited_site) as folder:
        settle(instance)
        new = draft(instance, folder)
        if in_force_already(place, new):
            keep_users(instance, new.site)
            standing = history(place)[-1]
            return Applied(standing, standing, changed=False, verified=False), new
        return _put_in_force(instance, new, history(place)), new


def apply(instance: Instance, new: Draft) -> Applied:
    """Put a draft in force. One of the very site that is in force, rendered anew since Mesa itself has changed, takes its place in history.

    Raises ApplyFailed, Complaint, StorageError: then nothing has changed.
    """
    place = instance.place
    with only_one(place):
        settle(instance)
        past = history(place)
        again = bool(past) and new.folder.resolve() == site_of(place, past[-1]).resolve()
        return _put_in_force(instance, new, past[:-1] if again else past)


def apply_today(instance: Instance) -> Applied | None:
    """Render the site in force anew when its terms have changed by date; it takes its own place in history. None: nothing to do.

    Raises ConfigErrors, ApplyFailed, Complaint, StorageError: then what was in force stays.
    """
    place = instance.place
    with only_one(place):
        settle(instance)
        past = history(place)
        if not past or not rendered_for_another_day(instance):
            return None
        return _put_in_force(instance, draft(instance, site_of(place, past[-1])), past[:-1])


def undo(instance: Instance) -> Applied:
    """Put what was in force before the last apply in force again. The edited files stay as they are.

    Complaint when there is nothing to undo; ApplyFailed, StorageError: then nothing has changed.
    """
    place = instance.place
    with only_one(place):
        settle(instance)
        past = history(place)
        if len(past) < 2:
            raise Complaint('Nothing to undo: there is no earlier apply to go back to.')
        number = back = past[-2]
        site = load(site_of(place, back))
        files = render(instance.today_s(site), place, instance.secrets(site))
        if files_of(place, back) != files:
            # Rendered anew: by now Mesa, its ports or a password may be others.
            number = lay_down(place, site_of(place, back), files)
        return replace(_stand_trial(instance, number, past[:-2]), site_of=back)


def recover(instance: Instance) -> None:
    """Put right what an apply that was cut short has left, before anything looks at what is in force. Raises Complaint, StorageError."""
    with only_one(instance.place):
        settle(instance)


def settle(instance: Instance) -> None:
    """Put right what an apply that was cut short has left: what was confirmed last is in force again, everywhere.

    For whoever holds the lock. Complaint when Asterisk hangs: then the mark stays for the next one. StorageError.
    """
    place = instance.place
    sweep(place)
    if not is_on_trial(place):
        return
    past = history(place)
    if past:
        switch_to(place, past[-1])
        site = load(site_of(place, past[-1]))
        voices.lay_out_sounds(place.prefix, place.share, site, site_of(place, past[-1]))
        _read_again(Asterisk(place), place, tables_of(instance, site))
        mesa_serves(instance.root, past[-1], MESA_GOES_BACK_S)
    else:
        place.current.unlink(missing_ok=True)          # it was the first apply: nothing is in force
    end_trial(place)


def in_force_already(place: Place, new: Draft) -> bool:
    """Whether an apply would change nothing: neither the site's files nor Asterisk's."""
    past = history(place)
    if not past:
        return False
    return tree(site_of(place, past[-1])) == tree(new.folder) and files_of(place, past[-1]) == new.files


def site_of(place: Place, number: int) -> Path:
    """The site's files as they were applied the N-th time."""
    return place.applied / str(number) / 'site'


def files_of(place: Place, number: int) -> dict[str, str]:
    """Asterisk's files as they were rendered the N-th time, by name."""
    return {name: content.decode() for name, content in tree(place.applied / str(number) / 'asterisk').items()}


def _put_in_force(instance: Instance, new: Draft, past: Sequence[int]) -> Applied:
    return _stand_trial(instance, lay_down(instance.place, new.folder, new.files), past)


def _stand_trial(instance: Instance, number: int, past: Sequence[int]) -> Applied:
    """Try `applied/number`: in force after `past` when it is confirmed, else everything as before."""
    place = instance.place
    site = load(site_of(place, number))
    tables = tables_of(instance, site)                 # first, for without its books nothing is begun
    changed = _changed_files(place, number)
    begin_trial(place, number)
    try:
        voices.lay_out_sounds(place.prefix, place.share, site, site_of(place, number))
        switch_to(place, number)
        verified = _confirmed(instance, site, number, changed, tables)
    except BaseException as error:
        stuck = _go_back(instance)
        if isinstance(error, Complaint | StorageError | OSError):
            raise ApplyFailed(f'Not put in force: {error} {stuck or "What was in force before is in force again."} '
                              f'applied/{number} keeps what was refused.') from error
        raise
    write_history(place, [*past, number])
    end_trial(place)
    prune(place)
    keep_users(instance, site)
    return Applied(number, number, True, verified, at_next_start=read_at_start_only(changed) if verified else ())


def _go_back(instance: Instance) -> str:
    """Settle; what stands in the way of it, in words."""
    try:
        settle(instance)
    except (Complaint, StorageError, OSError) as error:
        return (f'What was in force before is in force again in the files, but the running Asterisk does not know: {error} '
                'The next `mesa config apply`, `mesa config undo` or `mesa up` puts that right.')
    return ''


def _confirmed(instance: Instance, site: Site, number: int, changed: set[str], tables: Sequence[LineTable]) -> bool:
    """Reload, and see that the running Asterisk and Mesa have what was rendered; False when Asterisk does not run. Raises Complaint."""
    asterisk = Asterisk(instance.place)
    refused = _read_again(asterisk, instance.place, tables, changed)
    if refused is None:
        return False
    files = files_of(instance.place, number)
    for _ in range(LOOKS):
        complaint = next(chain(refused, missing_parts(asterisk, site, files)), None)
        if complaint is None or refused:
            break
    if complaint:
        raise Complaint(complaint)
    if not mesa_serves(instance.root, number):
        raise Complaint(f'Mesa did not take apply {number}: see {instance.place.log}/mesa.log.')
    return True


def _read_again(asterisk: Asterisk, place: Place, tables: Sequence[LineTable], changed: set[str] | None = None) -> list[str] | None:
    """Let Asterisk read its files, the table of hours first, for the dialplan includes it; what it refuses, None when it does not run."""
    write_hours(place, tables)
    return reload(asterisk, changed) if asterisk.is_running() else None


def tables_of(instance: Instance, site: Site) -> tuple[LineTable, ...]:
    """The table of hours of a site from now on. StorageError when the stored overrides cannot be read."""
    return current_tables(instance, site, instance.clock(site).now())


def _changed_files(place: Place, number: int) -> set[str]:
    """Names of Asterisk's files that differ between what is in force and an apply."""
    before = applied_number(place)
    old = files_of(place, before) if before is not None else {}
    new = files_of(place, number)
    return {name for name in {*old, *new} if old.get(name) != new.get(name)}


def keep_users(instance: Instance, site: Site) -> None:
    """Bring the stored users up to date with the clients' lists (mission.md 1.4), and tell who must hear that too many are VIP (1.3).

    Can be done again at any time.
    """
    database = Database(instance.database_url, patience_s=10.0)
    try:
        for client in site.clients.values():
            import_users(database, client.key, client.users, instance.clock(site).now())
        VipWatch(database, lambda: site).round(instance.clock(site).now())
    except StorageError as error:
        raise Complaint(f'The site is in force, but the record of its users is not up to date: {error} '
                        'Run `mesa config apply` again.') from error
    finally:
        database.close()
