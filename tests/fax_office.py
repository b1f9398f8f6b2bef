"""A fax office for tests: a spool such as HylaFAX's hook leaves it, and everything of ours that works on it, with hand-driven clocks."""
from __future__ import annotations

import io
import mailbox
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path

from PIL import Image

from callcenter.posting import pdf_of_fax
from config.load import load
from config.place import Place, Ports
from config.values import Client, Override, Policy, Site
from fax.books import FaxBook
from fax.delivery import Deliveries
from fax.operations import FaxDesk
from fax.pipeline import Clocks, Folders, Pipeline
from fax.retention import FaxRetention
from fax.spool import Spool
from fax.values import Fax
from storage.engine import Database
from tests.site_copies import EXAMPLE
from ticketing.mail.postman import Postman

SITE = load(EXAMPLE)
LINE = '+528005550105'                                 # of nopalera; its second account is recepcion@nopalera.example
OTHER_LINE = '+528005550205'                           # of quetzal; it has no second account
ACCOUNT, SECOND = 'faxes@nopalera.example', 'recepcion@nopalera.example'
SENDER = '5555550177'
MACHINE = datetime(2030, 1, 1, tzinfo=UTC)


def tiff(*texts: str, width: int = 1728, height: int = 1100) -> bytes:
    """A fax with one page a text: the bits of the text in a pattern of its own."""
    pages = []
    for text in texts:
        pattern = ''.join(f'{byte:08b}' for byte in text.encode()) * 8
        page = Image.new('1', (width, height), 1)
        for n, bit in enumerate(pattern[:height // 8]):
            if bit == '1':
                page.paste(0, (100 + n % 40 * 32, n * 8, 100 + n % 40 * 32 + 400, n * 8 + 8))
        pages.append(page)
    out = io.BytesIO()
    pages[0].save(out, 'TIFF', compression='group4', dpi=(204, 98), save_all=True, append_images=pages[1:])
    return out.getvalue()


def policy(site: Site, **parameters: object) -> Site:
    """The site with other contract parameters for its fax clients."""
    def changed(client: Client) -> Client:
        return replace(client, policy=replace(client.policy, **parameters), modality_policies={})  # type: ignore[arg-type]
    return replace(site, clients={key: changed(client) for key, client in site.clients.items()})


@dataclass
class FaxOffice:
    """`now` is Mesa's clock, `machine` the machine's; both stand until a test moves them."""

    db: Database
    root: Path
    site: Site = SITE
    now: datetime = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)           # a Tuesday, 10:00 in Mexico City
    machine: datetime = MACHINE
    overrides: tuple[Override, ...] = ()
    count: int = field(default=0)

    def __post_init__(self) -> None:
        self.place = Place(root=self.root / 'var', prefix=Path('/'), ports=Ports(1, 2, 3, 4, 5), fax_spool=self.root / 'spool')
        for folder in ('inbox', 'recvq'):
            (self.place.fax_spool / folder).mkdir(parents=True, exist_ok=True)
        self.folders = Folders(self.place.fax / 'tiff', self.place.fax / 'pdf')
        self.spool = Spool(self.place.fax_spool, self.folders.tiffs)
        self.book = FaxBook(self.db)
        clocks = Clocks(lambda: self.now, lambda written: self.now, lambda: self.machine)
        self.pipeline = Pipeline(self.book, self.spool, self.folders, lambda: self.site, lambda now: self.overrides, clocks)
        self.deliveries = Deliveries(self.book, lambda: self.site, lambda: self.now)
        self.retention = FaxRetention(self.book, self.folders, lambda: self.site)
        self.desk = FaxDesk(self.book, lambda: self.site, lambda: self.now)
        self.postman = Postman(self.db, lambda: self.site, 'key', lambda: self.now, lambda: self.machine, self.place.maildir,
                               pdf=lambda name: pdf_of_fax(self.place, name))

    def arrive(self, content: bytes | None = None, *, called: str = LINE, caller: str = SENDER, name: str = '', reason: str = '',
               commid: str | None = None, stem: str | None = None, announced: bool = True) -> str:
        """A reception is over: faxgetty leaves its file and, unless something went wrong, the hook its arguments. Returns its name."""
        self.count += 1
        stem = stem or f'fax{self.count:09d}'
        file = self.place.fax_spool / 'recvq' / f'{stem}.tif'
        file.write_bytes(tiff(stem) if content is None else content)
        if announced:
            self.hook(stem, called=called, caller=caller, name=name, reason=reason, commid=commid or f'{self.count:09d}')
        return stem

    def hook(self, stem: str, *, called: str = LINE, caller: str = SENDER, name: str = '', reason: str = '',
             commid: str = '000000001') -> None:
        """What HylaFAX's hook does with a file in recvq."""
        inbox = self.place.fax_spool / 'inbox'
        link = inbox / f'{stem}.tif'
        if not link.exists() and (source := self.place.fax_spool / 'recvq' / f'{stem}.tif').exists():
            link.hardlink_to(source)
        told = (f'recvq/{stem}.tif', 'ttyIAX4670', commid, reason, caller, name, called.removeprefix('+'))
        (inbox / f'{stem}.args').write_bytes(b''.join(part.encode() + b'\0' for part in told))

    def work(self, minutes: float = 0) -> None:
        """All rounds, until nothing is done any more; the clocks have moved so many minutes before."""
        self.now += timedelta(minutes=minutes)
        self.machine += timedelta(minutes=minutes)
        while self.pipeline.round() + self.postman.round() + self.deliveries.round():
            pass

    @property
    def faxes(self) -> tuple[Fax, ...]:
        """What is in the books, in order of arrival."""
        return tuple(reversed(self.book.list(limit=10_000)))

    @property
    def only(self) -> Fax:
        """The one fax in the books."""
        fax, = self.faxes
        return fax

    def letters(self, notice: str = 'Fax F') -> list[EmailMessage]:
        """The letters in the Maildir whose subject begins so, in the order of their delivery."""
        if not self.place.maildir.exists():
            return []
        box = mailbox.Maildir(self.place.maildir, create=False)
        files = sorted((self.place.maildir / 'new').iterdir(), key=lambda file: file.stat().st_mtime_ns)
        box.close()
        parsed = [BytesParser(policy=default).parsebytes(file.read_bytes()) for file in files]
        return [letter for letter in parsed if str(letter['Subject']).startswith(notice)]  # type: ignore[misc]

    def left_in_spool(self) -> list[str]:
        """Files that nobody has cleared."""
        return sorted(f'{folder}/{file.name}' for folder in ('inbox', 'recvq') for file in (self.place.fax_spool / folder).iterdir())


def pdf_in(letter: EmailMessage) -> bytes:
    """The one PDF that goes with a letter."""
    part, = letter.iter_attachments()
    assert part.get_content_type() == 'application/pdf'
    content = part.get_content()
    assert isinstance(content, bytes) and content.startswith(b'%PDF-')
    return content


def default_policy(**parameters: object) -> Policy:
    """The defaults of the annex, and some other parameters."""
    return replace(Policy(), **parameters)  # type: ignore[arg-type]
