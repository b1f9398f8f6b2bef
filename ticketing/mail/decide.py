"""What becomes of a letter that came in: facts in, decision out (mission.md 4.8). Pure."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from config.contract import mail_line
from config.values import Client, Modality, Policy, Site, User
from ticketing.mail.kinds import Bounce, is_away
from ticketing.mail.reader import Letter
from ticketing.mail.text import is_thanks
from ticketing.values import Move, State, TicketingError

OPENINGS_AN_HOUR = 10                                  # folios that one sender may open; more is a loop, and waits for a person
STRANGERS_AN_HOUR = 100                                # folios of a client's unlisted senders together; more is spam, and waits


@dataclass(frozen=True)
class Answered:
    """The folio that a letter answers, as it stands; `by` is what says so: 'address', 'references' or 'subject'."""

    number: str
    client: str
    state: State
    waiting_for: str | None
    closed_at: datetime | None
    modality: str
    user_email: str | None
    by: str


@dataclass(frozen=True)
class Facts:
    """What is known besides the letter. Within the last hour: folios that its sender opened, and that its client's unlisted senders did."""

    folio: Answered | None
    opened_lately: int
    strangers_lately: int


@dataclass(frozen=True)
class Opens:
    """It opens a folio. `user` is the employee number of a listed sender; `refers_to` an older folio that cannot be reopened."""

    client: str
    line: str
    user: str | None
    rule: str
    refers_to: str | None = None


@dataclass(frozen=True)
class Joins:
    """It joins a folio, which may make it move: RESUME or REOPEN. `by` is who speaks: 'user', 'contact' or 'email', somebody else."""

    number: str
    client: str
    move: Move | None
    by: str
    rule: str


@dataclass(frozen=True)
class Ignores:
    """Nothing happens; a folio that it answers gets a note."""

    reason: str
    number: str | None = None
    client: str | None = None


@dataclass(frozen=True)
class Quarantines:
    """A person must look."""

    reason: str
    client: str | None = None
    loop: bool = False


@dataclass(frozen=True)
class ToVerify:
    """A person must say whether the sender may be served, by the client's rule (mission.md 1.5)."""

    client: str
    reason: str


@dataclass(frozen=True)
class BounceOf:
    """One of our own letters did not arrive."""

    bounce: Bounce
    client: str | None = None


Outcome = Opens | Joins | Ignores | Quarantines | ToVerify | BounceOf


def decide_mail(letter: Letter, facts: Facts, site: Site, now: datetime) -> Outcome:
    """What becomes of a letter: nothing automatic opens a folio, and nothing of a person is lost (mission.md 4.8)."""
    folio, client = facts.folio, client_of(site, letter)
    if letter.bounce is not None and letter.bounce.permanent:
        return BounceOf(letter.bounce, folio.client if folio else None)
    if letter.by_list and folio is None and client is not None and belongs(site, letter.sender, client.key):
        return Quarantines('it came through a mailing list or a group: a person may have written it', client.key)
    if sign := letter.automatic or _own(letter, site) or _echo(letter, facts):
        return Ignores(f'automatic: {sign}', folio.number if folio else None, folio.client if folio else _key(client))
    if letter.is_empty:
        return Quarantines('it says nothing: no subject, no text, no attachment', _key(client))
    if folio is not None and (joined := _joins(letter, folio, site, now)):
        return joined
    if folio is not None and folio.client in site.clients:
        client = site.clients[folio.client]
    return _opens(letter, facts, site, client, folio.number if folio else None)


def _opens(letter: Letter, facts: Facts, site: Site, client: Client | None, refers_to: str | None) -> Outcome:
    if client is None:
        return Quarantines(f'neither a recipient nor the sender {letter.sender or "(none)"} belongs to a client')
    line = mail_line(site, client)
    if line is None:
        return Quarantines(f'client {client.key} has no line that e-mail could follow', client.key)
    if letter.spam:
        return Quarantines('the mail server marked it as spam', client.key)
    if facts.opened_lately >= OPENINGS_AN_HOUR:
        return Quarantines(f'{letter.sender} opened {OPENINGS_AN_HOUR} folios within an hour: it looks like a loop', client.key, loop=True)
    user = user_of(client, letter.sender)
    if user is None and client.policy_of(line.modality).unlisted == 'verify':
        return ToVerify(client.key, f'{letter.sender or "the sender"} is not on the list of {client.key}')
    if user is None and facts.strangers_lately >= STRANGERS_AN_HOUR:
        return ToVerify(client.key, f'more than {STRANGERS_AN_HOUR} folios of senders who are not on the list within an hour')
    rule = f'e-mail of {letter.sender or "nobody"} ({f"user {user.employee_number}" if user else "not on the list"})'
    return Opens(client.key, line.number, user.employee_number if user else None, rule, refers_to)


def opening_of(letter: Letter, client: str | None, site: Site, rule: str) -> Opens:
    """The opening that a person wants for a letter. Raises TicketingError when no client, or no line of his, can have it."""
    found = site.clients.get(client or '')
    if found is None:
        known = ', '.join(sorted(site.clients))
        raise TicketingError(f'no client is called {client!r}: there are {known}' if client else f'say whose it is, with --client: {known}')
    line = mail_line(site, found)
    if line is None:
        raise TicketingError(f'client {found.key} has no line that e-mail could follow: name one as mail_line')
    user = user_of(found, letter.sender)
    return Opens(found.key, line.number, user.employee_number if user else None, rule)


def _joins(letter: Letter, folio: Answered, site: Site, now: datetime) -> Joins | None:
    """The joining, None when the folio is over and more than thanks was said: that is a new one."""
    thanks = _says_no_more_than_thanks(letter)
    move = move_of(letter, folio.state, folio.waiting_for)
    if not thanks and (folio.state in (State.CLOSED_VERIFIED, State.CANCELLED) or _too_late(folio, site, now)):
        return None
    rule = f'answers folio {folio.number} by its {folio.by}' + (': says thanks only' if thanks else '')
    return Joins(folio.number, folio.client, move, _speaker(letter, folio, site), rule)


def _speaker(letter: Letter, folio: Answered, site: Site) -> str:
    # No address: what stands in `by` can never be erased (mission.md 4.1).
    client = site.clients.get(folio.client)
    if folio.user_email and folio.user_email.lower() == letter.sender:
        return 'user'
    if client and client.contact and client.contact.email.lower() == letter.sender:
        return 'contact'
    return 'email'


def move_of(letter: Letter, state: State, waiting_for: str | None) -> Move | None:
    """What an answer does to a folio in this state; thanks do nothing (mission.md 4.8)."""
    if _says_no_more_than_thanks(letter):
        return None
    if state is State.WAITING and waiting_for == 'user':
        return Move.RESUME
    return Move.REOPEN if state in (State.RESOLVED, State.CLOSED_UNVERIFIED) else None


def _says_no_more_than_thanks(letter: Letter) -> bool:
    return is_thanks(letter.fresh) or not (letter.fresh.strip() or letter.attachments)


def _too_late(folio: Answered, site: Site, now: datetime) -> bool:
    """Whether closed_unverified is for ever now, by the contract of the folio's modality (mission.md 4.7)."""
    client = site.clients.get(folio.client)
    policy = client.policy_of(Modality(folio.modality)) if client else Policy()
    return (folio.state is State.CLOSED_UNVERIFIED and folio.closed_at is not None
            and now > folio.closed_at + timedelta(days=policy.reopen_days))


def policy_of(site: Site, client: str) -> Policy:
    """The parameters of a client's e-mail; the defaults when the site has the client no more."""
    found = site.clients.get(client)
    line = mail_line(site, found) if found else None
    return Policy() if found is None else found.policy_of(line.modality) if line else found.policy


def client_of(site: Site, letter: Letter) -> Client | None:
    """Whose letter it is: by the address it came to, else by the sender's, else by the sender's domain (mission.md 4.8)."""
    by_address = {client.mail_address.lower(): client for client in site.clients.values() if client.mail_address}
    to = next((by_address[plain] for address in letter.recipients if (plain := _plain(address)) in by_address), None)
    return to or client_of_sender(site, letter.sender)


def client_of_sender(site: Site, sender: str) -> Client | None:
    """The only client whose list or whose domain has this sender."""
    listed = [client for client in site.clients.values() if user_of(client, sender)]
    domain = sender.rpartition('@')[2]
    ours = listed or [client for client in site.clients.values() if domain and domain in client.mail_domains]
    return ours[0] if len(ours) == 1 else None


def belongs(site: Site, sender: str, client: str) -> bool:
    """Whether a sender is of this client: on its list, or of its domains."""
    found = site.clients.get(client)
    return found is not None and bool(sender) and (user_of(found, sender) is not None or sender.rpartition('@')[2] in found.mail_domains)


def user_of(client: Client, sender: str) -> User | None:
    """The only user of a client with this address; None for a shared one."""
    found = [user for user in client.users if sender and user.email.lower() == sender]
    return found[0] if len(found) == 1 else None


def own_addresses(site: Site) -> frozenset[str]:
    """The addresses at which we take mail, without what is added by a plus."""
    clients = (client.mail_address for client in site.clients.values() if client.mail_address)
    return frozenset(address.lower() for address in (site.mail.sender, f'mesa@{site.mail.domain}', *clients))


def is_ours(site: Site, address: str) -> bool:
    """Whether mail to this address is for us, with or without a plus part."""
    return _plain(address.lower()) in own_addresses(site)


def tokens_in(letter: Letter, site: Site) -> Iterator[tuple[str, str]]:
    """(folio number, token) of each address of ours that has one: mesa+NUMBER.TOKEN@domain."""
    for address in letter.recipients:
        extra = address.rpartition('@')[0].partition('+')[2]
        number, dot, token = extra.partition('.')
        if dot and is_ours(site, address) and number.isascii() and number.isdigit():
            yield number, token


def _own(letter: Letter, site: Site) -> str | None:
    return 'it comes from our own address' if letter.sender and is_ours(site, letter.sender) else None


def _echo(letter: Letter, facts: Facts) -> str | None:
    """A machine that says so nowhere but in its subject, right after it had a receipt of ours: the loop ends here."""
    return 'it reads like the automatic answer to our receipt' if facts.opened_lately and is_away(letter.subject) else None


def _plain(address: str) -> str:
    local, _, domain = address.rpartition('@')
    return f'{local.partition("+")[0]}@{domain}'


def _key(client: Client | None) -> str | None:
    return client.key if client else None
