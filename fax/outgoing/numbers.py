"""To which numbers we send faxes, and on whose behalf (mission.md 5.5, 7.3)."""
from __future__ import annotations

from config.phones import e164, earns, national
from config.values import Modality, Site, ours
from fax.outgoing.jobs import SendingError


def fax_number(site: Site, text: str) -> str:
    """The E.164 number that was typed. Raises SendingError for what we never dial.

    As with all calls of ours: Mexican numbers alone, no emergency or short one, none by which somebody earns. Our own fax lines may be
    called, so that a demo can send a fax to itself; our other numbers are answered by no fax machine.
    """
    if text.strip() in site.emergency.numbers:
        raise SendingError(f'{text.strip()} is an emergency number: no fax is ever sent there.')
    number = e164(text.strip())
    if number is None:
        raise SendingError(f'{text!r:.60} is no telephone number. Write its ten digits: 5555550199')
    if not number.startswith('+52') or len(number) != 13:
        raise SendingError(f'{number} is abroad: faxes go to Mexican numbers alone.')
    if earns(number):
        raise SendingError(f'{number} is a number by whose calls somebody earns (900): it is never dialled.')
    if number in ours(site) and not _is_fax_line(site, number):
        raise SendingError(f'{number} is a number of ours where no fax machine answers.')
    return number


def dialled(number: str) -> str:
    """The ten digits that the modem is told. Raises ValueError for anything but a Mexican number in E.164."""
    return national(number)


def sender_number(site: Site, client: str | None, line: str | None) -> str:
    """The number that the other machine is told as the sender's: the fax line on whose behalf it is; '' when there is none."""
    if line is not None and _is_fax_line(site, line):
        return line
    mine = (one.number for one in site.lines.values() if one.client == client and one.modality is Modality.FAX)
    return next(mine, '') if client is not None else ''


def _is_fax_line(site: Site, number: str) -> bool:
    return number in site.lines and site.lines[number].modality is Modality.FAX
