"""Webhooks: what a client's own systems may hear of, and where it may be told. Pure."""
from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from config.values import Client, Site, Webhook

# docs/webhooks.md shows one of each.
EVENTS = ('folio.opened', 'folio.changed', 'folio.resolved', 'folio.closed', 'folio.reopened',
          'call.answered', 'call.ended', 'call.abandoned',
          'fax.received', 'fax.delivered', 'fax.undelivered', 'fax.rejected')
TEST = 'webhook.test'                                  # sent by `mesa webhook test` alone, whatever a webhook asks for
LONGEST_URL = 2000
PATTERN = re.compile(r'\*|[a-z]+\.(?:\*|[a-z_]+)')
LABEL = re.compile(r'(?!-)[A-Za-z0-9_-]{1,63}(?<!-)')
PRINTABLE = re.compile(r'[!-~]+')                      # ASCII without blanks: anything else is written %XX or xn--
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Target:
    """A URL taken apart. `address`: of the host, when it is written as one."""

    scheme: str                                        # 'https' | 'http'
    host: str                                          # without brackets
    port: int
    path: str                                          # with the query
    address: Address | None

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine itself, as far as the URL says."""
        return self.address is not None and plain(self.address).is_loopback


def target_of(url: str) -> Target:
    """Where a URL leads. ValueError, whose text is advice, for one that Mesa does not call.

    No user or password: it would stand in logs. No host that looks like a number without being an address: `https://127.1/` is loopback.
    """
    if len(url) > LONGEST_URL or not PRINTABLE.fullmatch(url) or '\\' in url:
        raise ValueError(f'it holds characters that no URL has, or more than {LONGEST_URL}: write them as %XX')
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or '', parts.port
    except ValueError as error:
        raise ValueError(f'it is no URL ({error})') from error
    if parts.scheme not in ('https', 'http') or not host:
        raise ValueError('write it like "https://crm.example/mesa"')
    if '@' in parts.netloc:
        raise ValueError('it holds a user or a password: the receiver knows us by the signature')
    if '#' in url:
        raise ValueError('what follows # never reaches the receiver: remove it')
    if port == 0:
        raise ValueError('nobody listens at port 0')
    path = (parts.path or '/') + (f'?{parts.query}' if parts.query else '')
    return Target(parts.scheme, host, port or (443 if parts.scheme == 'https' else 80), path, _address(host))


def plain(address: Address) -> Address:
    """An IPv4 address that is written as an IPv6 one, as the former."""
    return getattr(address, 'ipv4_mapped', None) or address


def is_never_told(address: Address) -> bool:
    """Whether nothing may ever be told to this address: those that mean everybody, this link, or a cloud's own machinery."""
    address = plain(address)
    return address.is_unspecified or address.is_multicast or address.is_link_local or (address.version == 4 and address.is_reserved)


def is_local_name(host: str) -> bool:
    """Whether a name can only be this machine's own."""
    name = host.rstrip('.').lower()
    return name == 'localhost' or name.endswith('.localhost') or name.startswith('localhost.')


def is_asked_for(hook: Webhook, event: str) -> bool:
    """Whether a webhook wants to hear of such events."""
    return any(fnmatchcase(event, pattern) for pattern in hook.events)


def hook_key(client: str, name: str) -> str:
    """What a webhook is called among all clients', also in secrets.toml: 'client/name'."""
    return f'{client}/{name}'


def hooks_of(client: Client | None) -> tuple[Webhook, ...]:
    """The webhooks of a client; none of one that is gone."""
    return client.webhooks if client is not None else ()


def all_hooks(site: Site) -> dict[str, Webhook]:
    """Every webhook of a site by its 'client/name'."""
    return {hook_key(client.key, hook.name): hook for client in site.clients.values() for hook in client.webhooks}


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    labels = host.rstrip('.').split('.')
    if not all(LABEL.fullmatch(label) for label in labels):
        raise ValueError(f'{host!r} is no name of a machine')
    if re.fullmatch(r'[0-9]+|0[xX][0-9A-Fa-f]*', labels[-1]):
        raise ValueError(f'{host!r} is neither a name nor an address: write the address whole')
    return None
