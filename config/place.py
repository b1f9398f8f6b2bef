"""Where an instance stands: its folder, its Asterisk, its ports and its passwords. Only values; nothing here reads a file."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MOST_MODEMS = 16
HOURS_FILE = 'mesa-hours.conf'                         # renewed daily, so it stands in run/ and not in applied/


@dataclass(frozen=True)
class Ports:
    """The ports of one instance: `sip` and RTP are UDP, the others TCP; the RTP range is inclusive."""

    sip: int
    agi: int
    ami: int
    rtp_start: int
    rtp_end: int
    lmtp: int = 8024                                   # e-mail in
    web: int = 8080                                    # the confirmation page, which everybody may reach
    desk: int = 8081                                   # the desk
    metrics: int = 9464                                # figures for Prometheus
    iax: int = 4569                                    # Asterisk's, towards the modems; UDP
    hfaxd: int = 4559                                  # HylaFAX's clients
    sip_ws: int = 8088                                 # Asterisk's HTTP server: SIP over WebSocket, from the desk alone
    modems: int = 4670                                 # the first of MOST_MODEMS, UDP: each modem has one


@dataclass(frozen=True)
class Modem:
    """A software modem, known by its own UDP port everywhere on this machine: as a device, to Asterisk and to HylaFAX."""

    port: int

    @property
    def name(self) -> str:
        """HylaFAX's name of it."""
        return f'ttyIAX{self.port}'

    @property
    def device(self) -> Path:
        """The link that its program makes, to a pseudo terminal."""
        return Path('/dev') / self.name

    @property
    def peer(self) -> str:
        """Asterisk's name of it."""
        return f'modem-{self.port}'


@dataclass(frozen=True)
class Secrets:
    """The passwords of one instance; never printed. `agents` is by login, of the telephones on their desks."""

    ami_mesa: str = field(repr=False)
    ami_probe: str = field(repr=False)
    agents: Mapping[str, str] = field(repr=False)
    ami_dialer: str = field(default='', repr=False)
    mail_key: str = field(default='', repr=False)      # signs the tokens in addresses and links
    smtp: str = field(default='', repr=False)
    imap: str = field(default='', repr=False)
    fax_modem: str = field(default='', repr=False)     # by which Asterisk and a modem know each other
    hfaxd: str = field(default='', repr=False)         # of the user `mesa` of HylaFAX's clients
    ami_desk: str = field(default='', repr=False)
    web_phones: Mapping[str, str] = field(default_factory=dict, repr=False)     # of the agents' browsers, by login
    webhooks: Mapping[str, str] = field(default_factory=dict, repr=False)      # by 'client/name'; they sign what receivers get


@dataclass(frozen=True)
class Place:
    """The folders and addresses that one instance uses. `prefix` is '/' for the distribution's own Asterisk."""

    root: Path
    prefix: Path
    ports: Ports
    bind: str = '127.0.0.1'                            # where SIP and RTP listen
    agi_host: str = '127.0.0.1'
    triplet: str = 'x86_64-linux-gnu'                  # Debian's name of the machine, as in /usr/lib/<triplet>
    fax_spool: Path = Path('/var/spool/mesa/fax')      # HylaFAX's; its daemons are nobody of ours, and would not reach a private folder

    @property
    def edited_site(self) -> Path:
        """The files that the admin edits."""
        return self.root / 'site'

    @property
    def applied(self) -> Path:
        """The folder of everything that was ever applied."""
        return self.root / 'applied'

    @property
    def current(self) -> Path:
        """The link to what is in force."""
        return self.applied / 'current'

    @property
    def site(self) -> Path:
        """The site's files in force."""
        return self.current / 'site'

    @property
    def etc(self) -> Path:
        """Asterisk's files in force. A link in the path: a reload after an apply reads the new ones."""
        return self.current / 'asterisk'

    @property
    def asterisk_conf(self) -> Path:
        """The file that Asterisk is started with."""
        return self.etc / 'asterisk.conf'

    @property
    def asterisk(self) -> Path:
        """The folder of what our Asterisk writes."""
        return self.root / 'asterisk'

    @property
    def asterisk_run(self) -> Path:
        """The folder of Asterisk's pid file and console socket."""
        return self.asterisk / 'run'

    @property
    def asterisk_log(self) -> Path:
        """The folder of Asterisk's messages, queue_log, CDR and CEL files."""
        return self.asterisk / 'log'

    @property
    def share(self) -> Path:
        """Asterisk's data folder: sounds and documentation."""
        return self.asterisk / 'share'

    @property
    def sounds(self) -> Path:
        """The root of the sound files; below it one folder a language."""
        return self.share / 'sounds'

    @property
    def modules(self) -> Path:
        """Asterisk's modules."""
        return self.prefix / 'usr/lib' / self.triplet / 'asterisk/modules'

    @property
    def prefix_share(self) -> Path:
        """The data folder that came with Asterisk."""
        return self.prefix / 'usr/share/asterisk'

    @property
    def messages(self) -> Path:
        """Spoken descriptions and voice messages."""
        return self.root / 'messages'

    @property
    def recordings(self) -> Path:
        """Recorded conversations: <linkedid>.wav (mission.md 3.8)."""
        return self.root / 'recordings'

    @property
    def attachments(self) -> Path:
        """Files that came by e-mail, each under its SHA-256."""
        return self.root / 'attachments'

    @property
    def fax(self) -> Path:
        """Our copies of received faxes, tiff/ and pdf/, each under its SHA-256."""
        return self.root / 'fax'

    def modems(self, count: int) -> tuple[Modem, ...]:
        """The first modems of this instance."""
        return tuple(Modem(self.ports.modems + number) for number in range(min(count, MOST_MODEMS)))

    @property
    def fax_inbox(self) -> Path:
        """Where HylaFAX's hook leaves a received fax, with what is known of it, until it is in the books."""
        return self.fax_spool / 'inbox'

    @property
    def mail_in(self) -> Path:
        """Messages as they came, kept until they are in the books, and those in quarantine."""
        return self.root / 'mail-in'

    @property
    def maildir(self) -> Path:
        """Where messages go while the site names no SMTP server."""
        return self.root / 'maildir'

    @property
    def run(self) -> Path:
        """Pid files, the set clock, the table of hours."""
        return self.root / 'run'

    @property
    def log(self) -> Path:
        """What our processes print."""
        return self.root / 'log'

    @property
    def hours_file(self) -> Path:
        """The table of open intervals that the fallback follows (mission.md 3.7)."""
        return self.run / HOURS_FILE
