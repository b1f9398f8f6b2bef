"""Who must confirm a resolution, and what became of it: the rows of `close_calls` (mission.md 4.7). For use inside a transaction.

A row is one party of one resolution; `cycle` is how often the folio had been reopened before it.
"""
from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, insert, select, update

from config.contract import way_out
from config.values import Policy, Site
from ticketing.closing.steps import number_to_call
from ticketing.notices import policy_for, release
from ticketing.tables import close_calls
from ticketing.turn import Turn
from ticketing.values import Folio

USER, CONTACT = 'user', 'contact'
PENDING = ('waiting', 'calling', 'mailed')
WANTED = {'user': (USER,), 'contact': (CONTACT,), 'both': (USER, CONTACT)}


def reachable(folio: Folio, site: Site) -> frozenset[str]:
    """The parties who can be called, or whose e-mail address stands in the folio or the contract."""
    client = site.clients.get(folio.report.client)
    if client is None:
        return frozenset({USER} if folio.report.user_email else ())
    called = [party for party in (USER, CONTACT) if way_out(site) and number_to_call(site, folio, party)]
    written = [USER] * bool(folio.report.user_email) + [CONTACT] * bool(client.contact and client.contact.email)
    return frozenset([*called, *written])


def parties(policy: Policy, known: Collection[str]) -> tuple[str, ...]:
    """Whom to ask: those of the contract who can be reached, else the other one.

    When nobody can be reached the first of the contract stays, so that the folio ends as closed-unverified and is reported.
    """
    wanted = WANTED[policy.verify_with]
    return (tuple(party for party in wanted if party in known)
            or tuple(party for party in (USER, CONTACT) if party in known)
            or wanted[:1])


def ask_parties(turn: Turn) -> None:
    """Ask for the confirmation of the resolution that the turn just made; the first attempt in the next open moment."""
    folio, site = turn.folio, turn.site
    due = release(site, folio.report.line, folio.report.site, False, turn.now)
    for party in parties(policy_for(site, folio), reachable(folio, site)):
        turn.connection.execute(insert(close_calls).values(
            folio_id=turn.folio_id, cycle=folio.reopens, party=party, client=folio.report.client, state='waiting', attempts=0, next_at=due))


def states(turn: Turn) -> dict[str, str]:
    """What became of the present resolution: party -> state of its row."""
    rows = turn.connection.execute(select(close_calls.c.party, close_calls.c.state).where(_present(turn)))
    return {row.party: row.state for row in rows}


def settle(turn: Turn, party: str, state: str, via: str, score: int | None, comment: str) -> None:
    """Store a party's answer; a party who was not asked may answer all the same."""
    answer = {'state': state, 'answered_by': turn.by, 'answered_via': via, 'answered_at': turn.at, 'score': score,
              'comment': comment or None, 'next_at': None, 'deadline': None}
    if party in states(turn):
        turn.connection.execute(update(close_calls).values(answer).where(_present(turn), close_calls.c.party == party))
        return
    turn.connection.execute(insert(close_calls).values(
        folio_id=turn.folio_id, cycle=turn.folio.reopens, party=party, client=turn.folio.report.client, attempts=0, **answer))


def give_up(turn: Turn, state: str) -> None:
    """End what is still pending of the present resolution: 'void' or 'unanswered'."""
    turn.connection.execute(update(close_calls).values(state=state, next_at=None, deadline=None).where(
        _present(turn), close_calls.c.state.in_(PENDING)))


def awaited(turn: Turn, policy: Policy, party: str) -> tuple[str, ...]:
    """Who must still confirm, beside this party, before the folio may be closed as verified."""
    if policy.verify_with != 'both':
        return ()
    return tuple(other for other, state in states(turn).items() if other != party and state in PENDING)


def _present(turn: Turn) -> ColumnElement[bool]:
    return (close_calls.c.folio_id == turn.folio_id) & (close_calls.c.cycle == turn.folio.reopens)
