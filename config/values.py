"""The site as frozen values: everything that an admin decided, already checked.

Numbers are E.164 text ('+528005550101'); keys such as a client's or a queue's are the names used in the
site's files. Nothing here reads a file, a clock or a database.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from config.basics import Modality as Modality
from config.basics import Policy as Policy
from config.basics import Where as Where
from config.terms import Contract, Prices


@dataclass(frozen=True, order=True)
class Span:
    """Opening minutes of a local day, half-open: 480 to 1200 is 08:00:00 up to, not including, 20:00:00; 1440 is midnight."""

    opens: int
    closes: int


@dataclass(frozen=True)
class Calendar:
    """Weekly hours of a line in one IANA zone and one Mexican state (mission.md 2.1-2.3)."""

    name: str
    zone: ZoneInfo
    state: str                                        # ISO 3166-2:MX without the prefix, e.g. 'CMX', 'BCN'
    week: Mapping[int, tuple[Span, ...]]              # isoweekday (1 Monday .. 7 Sunday) -> spans in order
    holidays: bool = True                             # closed on statutory holidays
    where: Where = Where('', 0, '')


@dataclass(frozen=True)
class DatedHoliday:
    """A day entered by an admin: an election day or a day of a client's own."""

    day: date
    name: str                                         # Spanish, as spoken and shown
    state: str | None = None                          # None: the whole country
    calendar: str | None = None                       # None: every calendar
    confirmed: bool = True
    election: bool = False
    where: Where = Where('', 0, '')


@dataclass(frozen=True)
class HolidayBook:
    """The dated entries and how far ahead somebody has confirmed the list (mission.md 2.2)."""

    dated: tuple[DatedHoliday, ...] = ()
    confirmed_until: date | None = None               # inclusive
    confirmed_by: str = ''


class OverrideState(StrEnum):
    """What a temporary override does to a line (mission.md 2.4)."""

    CLOSED = 'closed'
    OPEN = 'open'
    MESSAGE = 'message'


@dataclass(frozen=True)
class Override:
    """A temporary exception to a line's calendar; half-open [since, until), aware UTC instants."""

    line: str
    state: OverrideState
    since: datetime
    until: datetime
    message: str | None = None                        # a prompt's name, played before everything else
    by: str = ''
    where: Where = Where('', 0, '')


@dataclass(frozen=True)
class User:
    """A client's employee who may call (mission.md 1.4)."""

    client: str
    employee_number: str                              # digits, as typed on the keypad
    name: str
    email: str
    phones: tuple[str, ...]                           # E.164
    site: str
    vip: bool
    where: Where = Where('', 0, '')


@dataclass(frozen=True)
class Contact:
    """The client's person who speaks for it: confirms closings, hears of escalations."""

    name: str
    email: str
    phone: str | None = None                          # E.164


@dataclass(frozen=True)
class ResolverGroup:
    """Who takes what first level cannot solve, as the client defined it (mission.md 4.4)."""

    key: str
    title: str                                        # Spanish, shown
    internal: bool                                    # ours; otherwise the client's or a supplier's
    email: str
    phone: str | None = None                          # E.164
    agents: tuple[str, ...] = ()                      # logins, of an internal group
    where: Where = Where('', 0, '')


@dataclass(frozen=True)
class Application:
    """An entry of the catalogue of supported applications (mission.md 1.2)."""

    key: str
    title: str
    versions: tuple[str, ...]
    modality: Modality                                # standard: every client's; premium: the client's own
    material: tuple[str, ...] = ()                    # manuals, documents, processes, training that are on file
    active: bool = True
    where: Where = Where('', 0, '')


@dataclass(frozen=True)
class EscalationStep:
    """One rung of a ladder (mission.md 4.5): at `percent` of the time to resolve, or `after_minutes` of open time beyond it."""

    percent: int | None
    after_minutes: int | None
    notify: tuple[str, ...]                           # 'agent' | 'group' | 'supervisor' | 'contact' | an e-mail address

    @property
    def name(self) -> str:
        """What the step is called: '80 %' or '+240 min'."""
        return f'{self.percent} %' if self.percent is not None else f'+{self.after_minutes} min'


BROWSER = '-web'                                       # ends the SIP names of the agents' browsers
LADDER = (
    EscalationStep(50, None, ('agent', 'group')),
    EscalationStep(80, None, ('agent', 'group', 'supervisor')),
    EscalationStep(100, None, ('supervisor', 'contact')),
    EscalationStep(None, 240, ('supervisor', 'contact')),
)


@dataclass(frozen=True)
class Letterhead:
    """Who issues statements, as their head shows it (mission.md 7.5). Colours are '#rrggbb'."""

    name: str = ''
    address: tuple[str, ...] = ()                     # lines
    tax_id: str = ''                                  # RFC
    phone: str = ''
    email: str = ''
    web: str = ''
    primary: str = '#17456b'                          # headings and rules; it can be read on white paper
    accent: str = '#e2a33b'
    logo: bytes = b''                                 # a PNG; b'': none
    where: Where = Where('', 0, '')


@dataclass(frozen=True)
class MailSettings:
    """How e-mail leaves and comes in. Passwords are in the instance's secrets, never here."""

    domain: str = 'mesa.example'                      # of message ids and of addresses with a token
    sender: str = 'mesa@mesa.example'
    sender_name: str = 'Mesa de ayuda'
    smtp: str = ''                                    # host:port; '' puts messages into a Maildir of the instance
    smtp_security: str = 'none'                       # 'none' | 'starttls' | 'tls'
    smtp_user: str = ''
    imap: str = ''                                    # host:port of a mailbox to poll; '': none
    imap_security: str = 'tls'                        # 'none' | 'starttls' | 'tls'
    imap_user: str = ''
    imap_folder: str = 'INBOX'
    page_url: str = ''                                # under which users reach our pages; '' is the instance's own address
    where: Where = Where('', 0, '')


@dataclass(frozen=True)
class FaxSettings:
    """The fax server (mission.md chapter 5): how many modems."""

    modems: int = 0                                   # 0: there is none
    detect: bool = False                              # a fax machine that calls a voice line is handed to the client's fax line
    price_per_minute: Decimal = Decimal('0')          # read no more: the tariffs price faxes; a check says so
    where: Where = Where('', 0, '')


@dataclass(frozen=True)
class Category:
    """One choice of the new-incident menu: key, name of the category, and its prompt."""

    key: str
    name: str
    title: str                                        # Spanish, shown
    prompt: str


@dataclass(frozen=True)
class Choice:
    """One key of a menu and where it leads: 'new', 'status', 'continue', 'agent' or 'menu:NAME'."""

    key: str
    goto: str
    prompt: str


@dataclass(frozen=True)
class Menu:
    """A voice menu; `choices` in spoken order."""

    name: str
    greeting: str
    choices: tuple[Choice, ...]
    tries: int = 3
    patience_s: float = 5.0
    fallback: str = 'agent'
    where: Where = Where('', 0, '')


@dataclass(frozen=True)
class QueueDef:
    """A waiting line of callers. `weight` ranks queues that share agents: the higher is served first."""

    name: str
    client: str
    weight: int = 0
    ring_seconds: int = 20
    wrapup_seconds: int = 10
    strategy: str = 'rrmemory'
    music: str = 'default'
    where: Where = Where('', 0, '')


@dataclass(frozen=True)
class Agent:
    """A person of ours with a telephone."""

    login: str
    name: str
    extension: str
    queues: tuple[str, ...]
    where: Where = Where('', 0, '')
    email: str = ''
    supervisor: bool = False

    @property
    def browser_extension(self) -> str:
        """The SIP name of his browser's telephone."""
        return self.extension + BROWSER

    @property
    def desk_phone(self) -> str:
        """The interface of the telephone on his desk, as Asterisk names it."""
        return f'PJSIP/{self.extension}'

    @property
    def browser_phone(self) -> str:
        """The interface of his browser's telephone, as Asterisk names it."""
        return f'PJSIP/{self.browser_extension}'


@dataclass(frozen=True)
class Line:
    """A contracted 800 number (mission.md 1.1). `number` is E.164 and belongs to one client and modality."""

    number: str
    client: str
    modality: Modality
    calendar: str
    queue: str | None                                 # None only for a fax line
    menu: str | None
    greeting: str
    where: Where = Where('', 0, '')
    email: str = ''                                   # of a fax line: who gets its faxes (mission.md 5.1)
    email_second: str = ''                            # who gets one that came back from there


@dataclass(frozen=True)
class Webhook:
    """Where one of a client's own systems hears of calls, folios and faxes; `config.webhooks` says what may stand in it."""

    name: str
    url: str
    events: tuple[str, ...]                           # 'folio.opened', 'call.*', '*'
    loopback: bool = False                            # it may be this machine itself, in the clear, too
    where: Where = Where('', 0, '')


@dataclass(frozen=True)
class Client:
    """A company that contracted the help desk."""

    key: str
    name: str
    modalities: frozenset[Modality]
    users: tuple[User, ...]
    trunk_numbers: frozenset[str]                     # E.164: never select a person (mission.md 3.1)
    vip_queue: str | None
    categories: tuple[Category, ...]
    site_calendars: Mapping[str, str]                 # the users' site -> calendar, for hours_by = site
    policy: Policy = field(default_factory=Policy)
    privacy_notice: str = 'mesa/privacy'
    resale_authorised_until: date | None = None
    where: Where = Where('', 0, '')
    contact: Contact | None = None
    groups: Mapping[str, ResolverGroup] = field(default_factory=dict)
    applications: Mapping[str, Application] = field(default_factory=dict)
    escalation: tuple[EscalationStep, ...] = LADDER
    modality_policies: Mapping[Modality, Policy] = field(default_factory=dict)
    mail_address: str = ''                            # the client's help-desk address (mission.md 4.8)
    mail_domains: frozenset[str] = frozenset()        # of the client's own people
    notes: tuple[str, ...] = ()                       # Spanish: what an agent should know of the contract, shown beside its folios
    mail_line: str | None = None                      # the line whose calendar and modality e-mail follows; None: the ordinary one
    webhooks: tuple[Webhook, ...] = ()
    screen_pop: str = ''                              # a template of `config.screen_pop`; '': agents' browsers open nothing
    contract: Contract = Contract()                   # nothing agreed: nothing is metered or charged
    undated: Mapping[Modality, Policy] | None = None  # in a site of a day: `modality_policies` as the files have them, without terms

    def policy_of(self, modality: Modality) -> Policy:
        """The contract parameters of one modality, on the day of its site (mission.md 4.5)."""
        return self.modality_policies.get(modality, self.policy)

    def policy_on(self, modality: Modality, day: date) -> Policy:
        """The same on another day of the site's zone: those of its terms; where it has none yet, as the files have them."""
        terms = self.contract.latest(modality, day)
        written = self.modality_policies if self.undated is None else self.undated
        return terms.policy if terms else written.get(modality, self.policy)

    @property
    def policies(self) -> tuple[Policy, ...]:
        """All that hold on some day, for whoever must know whether something may ever be."""
        return (self.policy, *self.modality_policies.values(), *(self.undated or {}).values(), *(one.policy for one in self.contract.terms))

    def on(self, day: date) -> Client:
        """This client with the contract parameters that hold on a day; itself when nothing is dated."""
        if not self.contract.terms:
            return self
        written = self.modality_policies if self.undated is None else self.undated
        dated = {*written, *(terms.modality for terms in self.contract.terms)}
        return replace(self, undated=written, modality_policies={modality: self.policy_on(modality, day) for modality in sorted(dated)})


@dataclass(frozen=True)
class Trunk:
    """A carrier's SIP peer, known by its addresses alone; it never registers."""

    name: str
    addresses: tuple[str, ...]                        # IP addresses or networks
    where: Where = Where('', 0, '')
    outbound: str = ''                                # host or host:port that takes our own calls; '': this trunk takes none
    caller_id: str = ''                               # E.164, shown by our own calls


@dataclass(frozen=True)
class Emergency:
    """Where a 911 dialled by an agent goes: never rated, queued or tied to a folio."""

    numbers: tuple[str, ...]
    address: str                                      # host or host:port of the SIP peer that takes the call
    where: Where = Where('', 0, '')


@dataclass(frozen=True)
class Site:
    """One help desk: all that its admins decided."""

    name: str
    demo: bool
    zone: ZoneInfo
    clients: Mapping[str, Client]
    lines: Mapping[str, Line]                         # by E.164 number
    calendars: Mapping[str, Calendar]
    holidays: HolidayBook
    menus: Mapping[str, Menu]
    queues: Mapping[str, QueueDef]
    agents: Mapping[str, Agent]                       # by login
    trunks: tuple[Trunk, ...]
    emergency: Emergency
    overrides: tuple[Override, ...] = ()
    prompt_texts: Mapping[str, str] = field(default_factory=dict)   # the admin's own texts: name -> Spanish text
    fragments: Mapping[str, str] = field(default_factory=dict)      # custom/NAME.conf -> text
    places: Mapping[tuple[str, str], int] = field(default_factory=dict, compare=False, repr=False)   # (file, key) -> line
    mail: MailSettings = MailSettings()
    fax_server: FaxSettings = FaxSettings()
    prices: Prices = Prices()
    letterhead: Letterhead = Letterhead()
    mail_templates: Mapping[str, str] = field(default_factory=dict)  # an admin's own: 'mail/CLIENT/NAME.txt' -> Jinja2 text

    def on(self, day: date) -> Site:
        """This site with the contract parameters in force on a day of its zone: every client's `policy_of` answers for it."""
        dated = {key: client.on(day) for key, client in self.clients.items()}
        return self if all(dated[key] is client for key, client in self.clients.items()) else replace(self, clients=dated)


def ours(site: Site) -> frozenset[str]:
    """The numbers at which we ourselves answer, or that our own calls show: calling one would call us."""
    return frozenset(site.lines) | {trunk.caller_id for trunk in site.trunks if trunk.caller_id}
