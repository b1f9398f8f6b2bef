"""How many of a client's users may be VIP, and by which word (mission.md 1.3). Pure."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from config.terms import Waiver
from config.values import Client, User


@dataclass(frozen=True)
class VipCap:
    """The cap on one day: per cent of the users, rounded down, or the users of a waiver in force when those are more."""

    users: int
    vips: int
    percent: int
    by_percent: int
    waiver: Waiver | None                             # in force on the day
    ended: Waiver | None                              # the one that ended last before it

    @property
    def allowed(self) -> int:
        """So many VIPs at most."""
        return max(self.by_percent, self.waiver.users if self.waiver else 0)

    @property
    def is_kept(self) -> bool:
        """Whether no more users are VIP than may be."""
        return self.vips <= self.allowed


def vip_cap(client: Client, day: date) -> VipCap:
    """A client's cap on a day of the site's zone."""
    over = [waiver for waiver in client.contract.waivers if waiver.until < day]
    return VipCap(
        users=len(client.users), vips=len(vips_of(client)), percent=client.policy.vip_percent,
        by_percent=len(client.users) * client.policy.vip_percent // 100, waiver=client.contract.waiver(day),
        ended=max(over, key=lambda waiver: waiver.until, default=None))


def vips_of(client: Client) -> tuple[User, ...]:
    """The users who have the flag, in the order of the list."""
    return tuple(user for user in client.users if user.vip)
