"""What was agreed with a client, from which day on, and what things cost: contracts, dated terms, tariffs, taxes (mission.md chapter 7).

Days are local days of the site's zone; a change applies from the first moment of its day, and older months keep the older terms. Money is
`Decimal`, MXN before taxes. Nothing here reads a file, a clock or a database.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from config.basics import Modality, Policy, Where


class Counted(StrEnum):
    """What may count as a request against the allowance besides an ordinary folio (mission.md 7.1); none of it does unless agreed."""

    ABANDONED = 'abandoned'                           # the caller left before an agent, and nobody followed it up
    DUPLICATE = 'duplicate'                           # merged into another folio
    CONTINUATION = 'continuation'                     # each later call or message about an open folio
    REOPEN = 'reopen'                                 # each reopening
    CLOSE_CALL = 'close_call'                         # each close call that was answered
    STATUS = 'status'                                 # each status inquiry that was answered
    FAX = 'fax'                                       # each received fax
    SPAM = 'spam'                                     # a folio cancelled as spam
    OUR_ERROR = 'our_error'                           # a folio cancelled as our own error


@dataclass(frozen=True)
class OverageRule:
    """The parameters of mission.md 7.2."""

    above_percent: int = 100                          # 100 | 105: requests beyond so much of the allowance are charged
    whole_run: bool = True                            # False: only from the third month of a run on
    tariff_of: str = 'charged'                        # 'charged': as at the end of the month that charges | 'each': of the excess's month


@dataclass(frozen=True)
class Terms:
    """What holds for one modality from `since` on, until the next terms of that modality; values not written are those before."""

    modality: Modality
    since: date
    allowance: int | None = None                      # requests a month; None: not metered, never any overage; 0: every request is above
    monthly_fee: Decimal = Decimal(0)
    overage_price: Decimal = Decimal(0)               # of each request above
    overage: OverageRule = OverageRule()
    counted: frozenset[Counted] = frozenset()
    visit_price: Decimal = Decimal(0)                 # of one on-site visit (premium, mission.md 1.2)
    policy: Policy = field(default_factory=Policy)    # the contract parameters under these terms
    where: Where = Where('', 0, '')


@dataclass(frozen=True)
class Waiver:
    """A dated, written permission to have more VIPs than `vip_percent` allows (mission.md 1.3), from `since` to `until`, both included."""

    users: int                                        # so many VIPs at most
    since: date
    until: date
    reason: str
    by: str                                           # who signed it
    where: Where = Where('', 0, '')


@dataclass(frozen=True)
class Contract:
    """A client's contract. `since` and `until` are its first and last day (None: no end is known)."""

    number: str = ''
    since: date | None = None
    until: date | None = None
    pro_rata: str = 'days'                            # 'days': of a month that begins, ends or changes in mid-month, by days | 'whole': no
    tax_region: str = 'general'                       # which IVA rates apply: Tax.region
    term_months: int = 12                             # of the new term that begins when a site move is delivered (mission.md 7.4)
    terms: tuple[Terms, ...] = ()                     # ordered by modality and since
    waivers: tuple[Waiver, ...] = ()
    fiscal_name: str = ''                             # as shown on the statement; '' is the client's name
    where: Where = Where('', 0, '')

    def in_force(self, modality: Modality, day: date) -> Terms | None:
        """The terms of a modality on a day; None before its first terms, and outside the contract."""
        if (self.since is not None and day < self.since) or (self.until is not None and day > self.until):
            return None
        return self.latest(modality, day)

    def latest(self, modality: Modality, day: date) -> Terms | None:
        """The terms agreed last for a modality, also after the contract's end: who still calls is served by them; None before the first."""
        return next((terms for terms in reversed(self.terms) if terms.modality is modality and terms.since <= day), None)

    def waiver(self, day: date) -> Waiver | None:
        """The waiver in force on a day, the widest of several; None without one (mission.md 1.3)."""
        in_force = [waiver for waiver in self.waivers if waiver.since <= day <= waiver.until]
        return max(in_force, key=lambda waiver: (waiver.users, waiver.until), default=None)


@dataclass(frozen=True)
class Rate:
    """The price of calls to numbers that begin with `prefix` (E.164, '+52', '+52555'); the longest prefix decides."""

    prefix: str
    destination: str                                  # Spanish, as shown on the statement
    per_minute: Decimal
    increment_s: int = 60                             # begun increments are charged whole
    minimum_s: int = 0                                # an answered call is charged for at least so long
    connection: Decimal = Decimal(0)                  # of each answered call


@dataclass(frozen=True)
class Tariff:
    """All rates in force from `since` on. `client` None: everybody's; a client's own tariff goes before it."""

    since: date
    rates: tuple[Rate, ...]
    client: str | None = None
    across: str = 'start'                             # a call across a change: 'start': as at its start | 'split': each part its own
    where: Where = Where('', 0, '')


@dataclass(frozen=True)
class Tax:
    """IVA from `since` on, in a region (mission.md 7.5)."""

    since: date
    percent: Decimal
    region: str = 'general'
    where: Where = Where('', 0, '')


@dataclass(frozen=True)
class InitialCost:
    """The initial cost of installing a modality at a site, from `since` on (mission.md 7.4)."""

    since: date
    modality: Modality
    amount: Decimal
    where: Where = Where('', 0, '')


@dataclass(frozen=True)
class Prices:
    """tariffs.toml: what things cost, each list ordered by `since`."""

    tariffs: tuple[Tariff, ...] = ()
    taxes: tuple[Tax, ...] = ()
    initial_costs: tuple[InitialCost, ...] = ()

    def tax(self, region: str, day: date) -> Tax | None:
        """IVA in a region on a day; None before the first that is known."""
        return next((tax for tax in reversed(self.taxes) if tax.region == region and tax.since <= day), None)

    def initial_cost(self, modality: Modality, day: date) -> InitialCost | None:
        """The initial cost in force on a day (mission.md 7.4)."""
        return next((cost for cost in reversed(self.initial_costs) if cost.modality is modality and cost.since <= day), None)

    def tariff(self, client: str, day: date) -> Tariff | None:
        """The tariff of a client on a day: its own, else everybody's."""
        in_force = [tariff for tariff in self.tariffs if tariff.since <= day]
        own = [tariff for tariff in in_force if tariff.client == client]
        chosen = own or [tariff for tariff in in_force if tariff.client is None]
        return chosen[-1] if chosen else None
