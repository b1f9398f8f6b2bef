"""What an agent sees of a call the moment his telephone rings (mission.md 6.1): gathered from the books by the call's linkedid."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from ami_listener.phones import DIALLING, PhoneCall
from config.phones import national
from config.screen_pop import fill_pop_url
from config.values import BROWSER, Client, Line, Modality, Site, User
from contracts.allowance import Meter
from contracts.meter import meter_of
from contracts.months import Month
from storage.engine import Database, DatabaseUnavailable
from ticketing.folios import FolioBook
from ticketing.lists import FolioLists
from ticketing.notices import is_accused
from ticketing.spanish import MODALITIES
from ticketing.values import Folio

MOST_OPEN = 6
MOST_CANDIDATES = 5
COUNTED_FOR = timedelta(seconds=20)                    # a month's count may be so old
METERED_FOR_S = 5.0                                    # and what is left of the allowance, by the machine's clock
METER_PATIENCE_S = 0.3                                 # the card does not wait longer for it


@dataclass(frozen=True)
class OpenFolio:
    """An open folio of the caller, in one line."""

    number: str
    state: str
    priority: str
    summary: str


@dataclass(frozen=True)
class Quota:
    """What is left of the month's allowance, as the card tells it (mission.md 6.1). `threshold`: the highest that is passed."""

    month: str                                         # 'noviembre'
    told: str                                          # '312 de 400, quedan 88'
    threshold: int | None


@dataclass(frozen=True)
class Card:
    """A call as the card tells it. Texts are shown as they are; '' is not known. `folio` is the one that this call opened or continues."""

    linkedid: str
    phase: str                                         # 'ringing' | 'dialling' | 'talking' | 'held'
    since: datetime
    outgoing: bool
    in_browser: bool                                   # it is on the telephone of his browser
    internal: bool                                     # a colleague calls, and no caller with him
    client: str
    modality: str
    queue: str
    who: str
    number: str
    vip: bool
    unlisted: bool
    employee_number: str
    site: str
    candidates: tuple[str, ...]
    folio: str
    summary: str
    category: str
    priority: str
    due: datetime | None
    open_folios: tuple[OpenFolio, ...]
    month_count: int | None                            # the client's folios of this month and modality
    notes: tuple[str, ...] = ()                        # what an agent should know of the contract
    crm: str = ''                                      # where the client's own system shows this call; '': nowhere
    trouble: str = ''                                  # what could not be told
    quota: Quota | None = None                         # of the call's modality; None: not metered, or it could not be read in time


class Cards:
    """Makes cards. Blocking: pool threads. A card is made even when the books do not answer; it says so."""

    def __init__(self, db: Database, site: Callable[[], Site], now: Callable[[], datetime]) -> None:
        self._db = db
        self._folios = FolioBook(db)
        self._lists = FolioLists(db)
        self._site = site
        self._now = now
        self._counts: dict[tuple[str, str], tuple[datetime, int]] = {}
        self._meters: dict[tuple[str, Month, Modality], tuple[float, Meter | None]] = {}

    def card(self, login: str, call: PhoneCall) -> Card:
        """The card of a call on an agent's telephone. Never raises DatabaseUnavailable."""
        site = self._site()
        trouble = ''
        folio: Folio | None = None
        opened: tuple[Folio, ...] = ()
        count: int | None = None
        quota: Quota | None = None
        try:
            folio = self._folios.of_call(call.linkedid)
            if folio is not None and is_accused(folio, login):
                folio = None
            client, line = _place(site, folio, call)
            user = _user(client, folio)
            if user is not None:
                opened = tuple(one for one in self._folios.open_folios(user.client, user.employee_number) if not is_accused(one, login))
            if client is not None and line is not None:
                quota = self._quota(site, client, line)
                count = self._count(client, line) if quota is None else None
        except DatabaseUnavailable:
            trouble = 'Los datos no responden: atienda la llamada, el folio aparecerá después.'
            client, line = _place(site, folio, call)
            user = _user(client, folio)
        return card_of(site, call, client, line, user, folio, opened, count, trouble, quota)

    def _quota(self, site: Site, client: Client, line: Line) -> Quota | None:
        """What is left of the month's allowance. What the books do not tell at once is left out."""
        month = Month.of(self._now().astimezone(site.zone).date())
        key = (client.key, month, line.modality)
        known = self._meters.get(key)
        if known is None or monotonic() - known[0] >= METERED_FOR_S:
            known = self._meters[key] = (monotonic(), self._meter(site, *key))
        meter = known[1]
        return Quota(month.name, meter.told, meter.threshold) if meter is not None and meter.allowance is not None else None

    def _meter(self, site: Site, client: str, month: Month, modality: Modality) -> Meter | None:
        try:
            with self._db.read(METER_PATIENCE_S) as connection:
                return meter_of(connection, site, client, modality, month)
        except DatabaseUnavailable:
            return None

    def _count(self, client: Client, line: Line) -> int:
        """Folios of this local month in the client's modality, where no allowance is agreed."""
        now, key = self._now(), (client.key, str(line.modality))
        known = self._counts.get(key)
        if known is None or not timedelta() <= now - known[0] < COUNTED_FOR:
            local = now.astimezone(self._site().calendars[line.calendar].zone)
            counts = self._lists.month_counts(client.key, local.year, local.month, self._site().calendars[line.calendar].zone)
            known = self._counts[key] = (now, counts.modalities.get(str(line.modality), 0))
        return known[1]


def card_of(site: Site, call: PhoneCall, client: Client | None, line: Line | None, user: User | None, folio: Folio | None,
            opened: tuple[Folio, ...], count: int | None, trouble: str = '', quota: Quota | None = None) -> Card:
    """The card of what was gathered. Pure."""
    colleague = next((agent.name for agent in site.agents.values() if agent.extension == call.peer_number), '')
    report = folio.report if folio else None
    number = (report.caller_number or '') if report and not colleague else ''
    titles = {category.name: category.title for category in client.categories} if client else {}
    return Card(
        linkedid=call.linkedid, phase=call.phase, since=call.since, outgoing=call.phase == DIALLING,
        in_browser=call.interface.endswith(BROWSER), internal=bool(colleague and not folio),
        client=client.name if client else '',
        modality=MODALITIES.get(report.modality if report else str(line.modality) if line else '', ''),
        queue=call.queue, who=(user.name if user else (report.user_name or '') if report else colleague),
        number=_shown(number or call.peer_number), vip=bool(user and user.vip), unlisted=bool(report and report.unlisted),
        employee_number=(report.employee_number or '') if report else '',
        site=user.site if user else (report.site or '') if report else '',
        candidates=() if user else _candidates(client, number or call.peer_number), folio=folio.number if folio else '',
        summary=(report.summary or '') if report else '', category=titles.get((report.category or '') if report else '', ''),
        priority=report.priority if report else '', due=folio.promised if folio else None,
        open_folios=tuple(OpenFolio(one.number, str(one.state), one.report.priority, one.report.summary or '')
                          for one in opened if not folio or one.number != folio.number)[:MOST_OPEN],
        month_count=count, notes=client.notes if client else (), crm=_crm(client, folio, call), trouble=trouble,
        quota=quota)


def _crm(client: Client | None, folio: Folio | None, call: PhoneCall) -> str:
    """The client's screen-pop URL for this call."""
    if client is None or not client.screen_pop:
        return ''
    report = folio.report if folio else None
    return fill_pop_url(client.screen_pop, {
        'ani': (report.caller_number if report else None) or call.peer_number, 'folio': folio.number if folio else None,
        'employee': report.employee_number if report else None, 'call': call.linkedid})


def _shown(number: str) -> str:
    """A number as people read it: a Mexican one without the country."""
    try:
        return national(number)
    except ValueError:
        return number


def _place(site: Site, folio: Folio | None, call: PhoneCall) -> tuple[Client | None, Line | None]:
    """The client and line of a call: what its folio says, else whose queue it came through."""
    if folio is not None:
        return site.clients.get(folio.report.client), site.lines.get(folio.report.line)
    queue = site.queues.get(call.queue)
    if queue is None:
        return None, None
    lines = [line for line in site.lines.values() if line.queue == queue.name]
    return site.clients.get(queue.client), lines[0] if len(lines) == 1 else None


def _user(client: Client | None, folio: Folio | None) -> User | None:
    wanted = folio.report.employee_number if folio else None
    return next((user for user in client.users if user.employee_number == wanted), None) if client and wanted else None


def _candidates(client: Client | None, number: str) -> tuple[str, ...]:
    """Whose this number may be, when several have it; a trunk's is everybody's, and names nobody (mission.md 3.1)."""
    if client is None or not number or number in client.trunk_numbers:
        return ()
    return tuple(f'{user.name} ({user.employee_number})' for user in client.users if number in user.phones)[:MOST_CANDIDATES]
