"""The statistics of an interval as frozen values: how the desk answered, what was reported, how it ended (mission.md 7.5).

docs/statistics.md defines every field with its standard term, its formula and its edge cases. Counts of an interval add up to those of the
intervals that make it up; averages, rates and longest waits are made from the counts. Seconds are floats, money is not here.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from ami_listener.call_figures import NOTHING, CallFigures


def percent(part: int, whole: int) -> Decimal | None:
    """With one decimal, cut and not rounded, so that 79.99 is not read as the 80 that it is not; None of nothing."""
    return None if whole == 0 else (Decimal(part * 1000 // whole) / 10).quantize(Decimal('0.1'))


def mean(total: float, count: int, places: str = '0.1') -> Decimal | None:
    """An average, rounded half up; None of nothing."""
    return (Decimal(str(total)) / count).quantize(Decimal(places), ROUND_HALF_UP) if count else None


@dataclass(frozen=True)
class Handling:
    """What a call costs an agent after and beside answering. `calls` is the telephone's own account."""

    calls: CallFigures = NOTHING
    """The calls offered; every figure of the telephone is read from here (`ami_listener/call_figures.py`)."""
    wrapped_s: float = 0.0
    """Wrap-up after the interval's calls that is over, added."""
    wrap_ups: int = 0
    """Answered calls that were followed by a wrap-up that is over."""

    @property
    def average_wrap_up_s(self) -> float | None:
        """After-call work: wrap-up / calls handled, those without any included."""
        return self.wrapped_s / self.calls.handled if self.calls.handled else None

    @property
    def average_handle_s(self) -> float | None:
        """AHT: (conversation, hold included, + wrap-up) / calls handled."""
        return (self.calls.talked_s + self.wrapped_s) / self.calls.handled if self.calls.handled else None


@dataclass(frozen=True)
class Opened:
    """Folios that were opened in the interval, by what they are now."""

    total: int = 0
    modalities: Mapping[str, int] = field(default_factory=dict)
    kinds: Mapping[str, int] = field(default_factory=dict)
    priorities: Mapping[str, int] = field(default_factory=dict)
    categories: Mapping[str, int] = field(default_factory=dict)
    """'' are those without one."""
    origins: Mapping[str, int] = field(default_factory=dict)
    abandoned: int = 0
    """Their caller left before an agent."""
    duplicates: int = 0
    """Merged into another one since."""
    cancelled: int = 0
    """Cancelled since, duplicates among them."""


@dataclass(frozen=True)
class Solved:
    """Resolutions made in the interval."""

    resolutions: int = 0
    """All of them: a folio that is reopened and resolved again has two."""
    resolved: int = 0
    """Folios whose present resolution was made in the interval: reopened since, a folio counts where it is resolved anew."""
    first_contact: int = 0
    """Of `resolved`, those solved by first level in the first contact; a reopening takes that away."""
    reopens: int = 0
    """Reopenings made in the interval."""

    @property
    def first_contact_percent(self) -> Decimal | None:
        """First-call resolution (FCR): first_contact / resolved."""
        return percent(self.first_contact, self.resolved)

    @property
    def reopen_percent(self) -> Decimal | None:
        """Reopen rate: reopens / resolutions."""
        return percent(self.reopens, self.resolutions)


@dataclass(frozen=True)
class Closed:
    """Folios that ended in the interval."""

    verified: int = 0
    """Confirmed by whom the contract asks."""
    unverified: int = 0
    """Nobody answered."""
    cancelled: int = 0
    """Duplicates included."""

    @property
    def verified_percent(self) -> Decimal | None:
        """verified / (verified + unverified)."""
        return percent(self.verified, self.verified + self.unverified)


@dataclass(frozen=True)
class CloseCalls:
    """What became of asking whether it is solved (mission.md 4.7)."""

    confirmed: Mapping[str, int] = field(default_factory=dict)
    """Answers that it is solved, by how they came: 'call', 'page', 'mail', 'person'; one a party and resolution."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """Answers that it is not."""
    unanswered: int = 0
    """Resolutions closed because nobody answered."""
    attempts: Mapping[str, int] = field(default_factory=dict)
    """Calls that Mesa placed to ask, by outcome ('confirmed', 'refused', 'later', 'no_key', 'busy', 'no_answer', ...); '': under way."""


@dataclass(frozen=True)
class Survey:
    """Satisfaction: the scores of folios that were closed as verified in the interval."""

    scores: Mapping[int, int] = field(default_factory=dict)
    """How many gave 1, 2, 3, 4, 5."""
    asked: int = 0
    """Folios closed as verified: whoever confirms may score."""

    @property
    def answers(self) -> int:
        """How many scored."""
        return sum(self.scores.values())

    @property
    def average(self) -> Decimal | None:
        """The mean of the scores, two places; None without any."""
        return mean(sum(score * many for score, many in self.scores.items()), self.answers, '0.01')

    @property
    def answer_percent(self) -> Decimal | None:
        """answers / asked."""
        return percent(self.answers, self.asked)

    @property
    def satisfied_percent(self) -> Decimal | None:
        """CSAT: those who gave 4 or 5, of those who scored."""
        return percent(self.scores.get(4, 0) + self.scores.get(5, 0), self.answers)


@dataclass(frozen=True)
class Level:
    """A service level of folios: promises kept and broken."""

    kept: int = 0
    breached: int = 0
    pending: int = 0
    """Not due yet, and not done."""

    @property
    def kept_percent(self) -> Decimal | None:
        """kept / (kept + breached)."""
        return percent(self.kept, self.kept + self.breached)


@dataclass(frozen=True)
class Levels:
    """Time to respond, of the folios opened in the interval; time to resolve, of those resolved in it; by priority."""

    respond: Mapping[str, Level] = field(default_factory=dict)
    resolve: Mapping[str, Level] = field(default_factory=dict)


@dataclass(frozen=True)
class Unlisted:
    """Calls and messages by somebody who is not on the client's list, and what became of them (mission.md 1.5)."""

    folios: int = 0
    """Opened in the interval."""
    calls: int = 0
    """That came in during it: whose folio is marked unlisted, or that got no folio and whose caller was not identified."""
    messages: int = 0
    """E-mail received in it: that opened or joined such a folio, or waits to be verified."""


@dataclass(frozen=True)
class CallBacksAsked:
    """Callers who left their place in the queue in the interval, by what became of it (mission.md 3.6)."""

    asked: int = 0
    kept: int = 0
    """Called back, and talked with an agent."""
    given_up: int = 0
    """Not reached in all attempts."""
    cancelled: int = 0
    waiting: int = 0

    @property
    def kept_percent(self) -> Decimal | None:
        """kept / asked, of those that do not wait any more."""
        return percent(self.kept, self.asked - self.waiting)


@dataclass(frozen=True)
class Faxes:
    """Faxes received in the interval, and those that we sent, by what became of them (mission.md chapter 5)."""

    received: int = 0
    pages: int = 0
    """As they came."""
    delivered: int = 0
    """Their PDF was accepted by the mail server."""
    pages_delivered: int = 0
    rejected: int = 0
    """Too long, and the contract refuses such."""
    on_the_way: int = 0
    """Held until the opening, or being worked on."""
    to_decide: int = 0
    """In quarantine or undeliverable: a person decides."""
    discarded: int = 0
    ordered: int = 0
    """Faxes that we were asked to send in the interval."""
    sent: int = 0
    pages_sent: int = 0
    failed: int = 0
    """Given up by HylaFAX, or cancelled."""


@dataclass(frozen=True)
class Problems:
    """Possible failures of many that were proposed in the interval, by what became of them (mission.md 4.9)."""

    proposed: int = 0
    states: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Statistics:
    """All figures of [since, until), of a client, a modality, a queue or a category, or of all.

    A part is None where the figures cannot be told apart so: folios have no queue, calls no category.
    """

    since: datetime
    until: datetime
    client: str | None = None
    modality: str | None = None
    queue: str | None = None
    category: str | None = None
    calls: Handling | None = None
    opened: Opened | None = None
    solved: Solved | None = None
    closed: Closed | None = None
    close_calls: CloseCalls | None = None
    survey: Survey | None = None
    levels: Levels | None = None
    unlisted: Unlisted | None = None
    call_backs: CallBacksAsked | None = None
    faxes: Faxes | None = None
    problems: Problems | None = None
    escalations: Mapping[str, int] | None = None
    """Steps of the ladder that were told in the interval, by their name; 'respond': a response that did not come in time."""
