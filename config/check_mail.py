"""Checks of e-mail: servers, addresses, who gets what, and an admin's own templates (mission.md 4.6, 4.8)."""
from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from jinja2 import Environment, TemplateError, TemplateSyntaxError

from config.check_common import Known, absent, choose, place
from config.check_network import OFF_LOOPBACK, is_loopback, split_address
from config.contract import mail_line
from config.problems import Problem
from config.values import Client, Modality, Site, Where

# What goes into a header and to an SMTP server as it stands: plain ASCII, no quoting.
LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
DOMAIN = re.compile(r'(?=.{1,190}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*')
EMAIL = re.compile(r'(?P<local>' + LOCAL + r')@(?P<domain>[^@]+)')
# The letters there are; an admin's own template bears one of these names.
NOTICES = ('opened', 'assigned', 'waiting', 'update', 'resolved', 'reopened', 'cancelled', 'merged', 'closed', 'confirm', 'handover',
           'complaint', 'escalation', 'problem_proposed', 'problem_progress', 'bounce', 'warning', 'fax', 'fax_rejected',
           'vip_cap', 'vip_cap_contact')
# What `ticketing/mail/letter_texts.py` adds to Jinja2's own filters.
FILTERS = ('spoken', 'day', 'duration', 'telephone', 'one_line', 'state_name', 'priority_name', 'modality_name')


def is_email(text: str) -> bool:
    """Whether a text is one plain e-mail address, good for a header and for SMTP."""
    match = EMAIL.fullmatch(text)
    return match is not None and len(match['local']) <= 64 and DOMAIN.fullmatch(match['domain']) is not None


def mail_servers_are_named(site: Site, known: Known) -> Iterator[Problem]:
    """SMTP and IMAP servers are host:port, on loopback on a demo site; no password goes through a network in the clear."""
    for kind in ('smtp', 'imap'):
        address, here = getattr(site.mail, kind), place(site, site.mail.where, kind)
        if not address:
            continue
        split = split_address(address)
        if split is None or not split[1]:
            yield Problem(here, f'{address!r} is not a server: write it like "mail.example:25" or "192.0.2.25:25"')
        elif not is_loopback(split[0]):
            if site.demo:
                yield Problem(here, f'{address} {OFF_LOOPBACK}')
            elif getattr(site.mail, f'{kind}_user') and getattr(site.mail, f'{kind}_security') == 'none':
                yield Problem(place(site, site.mail.where, f'{kind}_security'), f'the password for {address} would travel in the clear: '
                              f'write {kind}_security = "tls" or "starttls"', 'warning')
    if site.mail.imap and not site.mail.imap_user:
        yield Problem(place(site, site.mail.where, 'imap_user'), 'a mailbox belongs to somebody: add imap_user = "..."')


def faxes_have_an_account(site: Site, known: Known) -> Iterator[Problem]:
    """A fax line names the account that gets its faxes; no other line does (mission.md 5.1)."""
    for line in site.lines.values():
        for key, address in (('email', line.email), ('email_second', line.email_second)):
            here = place(site, line.where, key)
            if address and line.modality is not Modality.FAX:
                yield Problem(here, f'a {line.modality} line has no {key}: remove it')
            elif address and not is_email(address):
                yield Problem(here, f'{address!r} is not an e-mail address that mail can be sent to')
        if line.modality is Modality.FAX and not line.email:
            yield Problem(place(site, line.where, 'email'), 'nobody gets the faxes of this line: add email = "..."')


def pages_have_an_address(site: Site, known: Known) -> Iterator[Problem]:
    """The address of our pages that letters name: https, or http on loopback (mission.md 4.7)."""
    url, here = site.mail.page_url, place(site, site.mail.where, 'page_url')
    if not url:
        return
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    plain = re.fullmatch(r'https?://[A-Za-z0-9.:\[\]-]+(?:/[A-Za-z0-9._~/-]*)?', url)
    if not host or not plain:
        yield Problem(here, f'{url!r} is not the address of pages: write it like "https://mesa.example", without anything after ? or #')
    elif parts.scheme != 'https' and not is_loopback(host):
        yield Problem(here, f'{url} would carry tokens in the clear: write https://')


def addresses_are_well_formed(site: Site, known: Known) -> Iterator[Problem]:
    """Whatever is used as an e-mail address or a domain is one."""
    for where, text in _addresses(site):
        if not is_email(text):
            yield Problem(where, f'{text!r} is not one e-mail address: write it like "mesa@client.example"')
    for where, text in _taken_at(site):
        if '+' in text.rpartition('@')[0]:
            yield Problem(where, f'{text!r} has a plus, and what follows it is ours for the tokens of folios: nothing would come in there; '
                          'choose an address without one')
    for where, text in _domains(site):
        if not DOMAIN.fullmatch(text):
            yield Problem(where, f'{text!r} is not a domain: write what stands after the @, like "client.example"')


def _taken_at(site: Site) -> Iterator[tuple[Where, str]]:
    """The addresses at which mail comes in."""
    yield place(site, site.mail.where, 'sender'), site.mail.sender
    for client in site.clients.values():
        yield place(site, client.where, 'mail_address'), client.mail_address


def _addresses(site: Site) -> Iterator[tuple[Where, str]]:
    yield place(site, site.mail.where, 'sender'), site.mail.sender
    for agent in site.agents.values():
        if agent.email:
            yield place(site, agent.where, 'email'), agent.email
    for client in site.clients.values():
        if client.contact:
            yield place(site, client.where, 'contact', 'email'), client.contact.email
        if client.mail_address:
            yield place(site, client.where, 'mail_address'), client.mail_address
        for group in client.groups.values():
            yield place(site, group.where, 'email'), group.email


def _domains(site: Site) -> Iterator[tuple[Where, str]]:
    yield place(site, site.mail.where, 'domain'), site.mail.domain
    for client in site.clients.values():
        for domain in sorted(client.mail_domains):
            yield place(site, client.where, 'mail_domains'), domain


def mail_finds_its_client(site: Site, known: Known) -> Iterator[Problem]:
    """An address belongs to one client, and what comes to it follows one of the client's lines (mission.md 4.8)."""
    first: dict[str, Client] = {}
    for client in site.clients.values():
        yield from _mail_line(site, known, client)
        address, here = client.mail_address, place(site, client.where, 'mail_address')
        if not address:
            continue
        if address in first:
            yield Problem(here, f'{address} is already the address of client {first[address].key!r}: an address belongs to one client')
        elif mail_line(site, client) is None and client.mail_line is None and not _lines_unread(known):
            yield Problem(here, 'e-mail follows no line, since the client has neither a standard nor a premium one: add mail_line = "..."')
        first.setdefault(address, client)


def _mail_line(site: Site, known: Known, client: Client) -> Iterator[Problem]:
    if client.mail_line is None:
        return
    line, here = site.lines.get(client.mail_line), place(site, client.where, 'mail_line')
    if absent(client.mail_line, 'line', site.lines, known):
        yield Problem(here, f"{client.mail_line} is not a contracted number: choose one of the client's")
    elif line and line.client != client.key:
        yield Problem(here, f'{client.mail_line} belongs to client {line.client!r}: choose one of {client.key}')
    elif line and line.modality is Modality.FAX:
        yield Problem(here, f'{client.mail_line} is a fax line: choose one that is answered')


def _lines_unread(known: Known) -> bool:
    return any(kind == 'line' for kind, _ in known.unread)


def templates_can_be_read(site: Site, known: Known) -> Iterator[Problem]:
    """An admin's own letters bear a known name, belong to a client and are Jinja2 (mission.md 4.6)."""
    for name, text in site.mail_templates.items():
        file, (_, client, leaf) = f'{name}.j2', name.split('/')
        notice = leaf.rpartition('.')[0]
        if absent(client, 'client', site.clients, known):
            yield Problem(Where(file, 1, 'file'), f'no client is called {client!r}: {choose(site.clients)}')
        if notice not in NOTICES:
            near = difflib.get_close_matches(notice, NOTICES, n=1)
            yield Problem(Where(file, 1, 'file'), f'no letter is called {notice!r}: '
                          + (f'did you mean {near[0]!r}?' if near else f'the letters are {", ".join(NOTICES)}'))
        try:
            _environment().compile(text)
        except TemplateSyntaxError as error:
            yield Problem(Where(file, error.lineno, 'template'), f'this is not a template: {error.message}')
        except (TemplateError, RecursionError, SyntaxError, ValueError, OverflowError) as error:
            yield Problem(Where(file, 1, 'template'), f'this is not a template: {error}')


def _environment() -> Environment:
    environment = Environment(autoescape=True)
    environment.filters.update(dict.fromkeys(FILTERS, str))
    return environment
