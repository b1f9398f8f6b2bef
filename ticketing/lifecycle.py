"""The life of a folio: the one way to change its state (mission.md 4.3-4.7).

Every method is one transaction and returns the folio after it. `by` is a login, 'user', 'contact', or 'mesa'; `expected` the version
that the person saw. They raise UnknownFolio, IllegalMove (the state forbids it), FolioChanged (somebody else was quicker), NotAllowed
(a rule forbids it) and DatabaseUnavailable, and then nothing is stored.
"""
from __future__ import annotations

from datetime import datetime
from typing import Any

from config.values import Site
from ticketing import rules
from ticketing.closing import verification
from ticketing.life import after
from ticketing.merging import reporters_of_duplicates, target_of
from ticketing.notices import is_accused, policy_for, to_group, to_reporter, to_supervisors, to_user
from ticketing.particulars import MESA, Particulars
from ticketing.priority import priority_of
from ticketing.spanish import CANCEL_WORDS, PRIORITIES, STATES, VIAS, of_party, party_name, priority_words
from ticketing.turn import Turn
from ticketing.values import CancelCause, EntryKind, Folio, Move
from ticketing.words import clean, contradicts

NOBODY_ANSWERED = 'nadie respondió'


class LifeCycle(Particulars):
    """All moves of a folio, and (inherited) what else may be said of it."""

    def assign(self, number: str, *, agent: str | None = None, group: str | None = None, by: str, now: datetime, reason: str = '',
               expected: int | None = None) -> Folio:
        """Give the folio to an agent or hand it over to a resolver group of the client (mission.md 4.4)."""
        rules.one_assignee(agent, group)
        with self._turn(number, by, now, expected) as turn:
            why = clean(reason)
            if group is not None:
                return _to_group(turn, group, why)
            found = rules.assignable_agent(turn.site, turn.folio, agent or '')
            turn.move(Move.ASSIGN, why, acknowledged_at=None, **_held_by(turn.folio, turn.site, found.login))
            turn.enter(EntryKind.MOVE, f'asignado a {found.login}', why)
            turn.tell(to_user, 'assigned', agent_name=found.name)
            return turn.folio

    def acknowledge(self, number: str, *, by: str, now: datetime, expected: int | None = None) -> Folio:
        """The group has taken what was handed over to it."""
        with self._turn(number, by, now, expected) as turn:
            rules.handed_over(turn.folio)
            turn.change(acknowledged_at=turn.at, **turn.response())
            turn.enter(EntryKind.ACKNOWLEDGED, f'acuse del grupo {turn.folio.resolver_group}')
            return turn.folio

    def start(self, number: str, *, by: str, now: datetime, expected: int | None = None) -> Folio:
        """Somebody works on it; an agent who starts has it."""
        with self._turn(number, by, now, expected) as turn:
            taken = _held_by(turn.folio, turn.site, turn.by) if turn.by in turn.site.agents else {}
            turn.move(Move.START, **taken, **turn.response())
            turn.enter(EntryKind.MOVE, STATES[turn.folio.state])
            return turn.folio

    def wait(self, number: str, *, waiting_for: str, reason: str, by: str, now: datetime, expected: int | None = None) -> Folio:
        """Pause the clock: 'user' or 'supplier' must do something first."""
        why = rules.words(reason, 'the reason of the pause')
        rules.waits_for(waiting_for)
        with self._turn(number, by, now, expected) as turn:
            turn.move(Move.WAIT, why, waiting_for=waiting_for)
            turn.enter(EntryKind.MOVE, f'en espera {of_party(waiting_for)}', why)
            turn.tell(to_user, 'waiting', waiting_for=waiting_for, reason=why)
            return turn.folio

    def resume(self, number: str, *, by: str, now: datetime, reason: str = '', expected: int | None = None) -> Folio:
        """The clock goes on."""
        with self._turn(number, by, now, expected) as turn:
            why = clean(reason)
            turn.move(Move.RESUME, why)
            turn.enter(EntryKind.MOVE, 'de nuevo en atención', why)
            return turn.folio

    def update(self, number: str, *, text: str, by: str, now: datetime, expected: int | None = None) -> Folio:
        """Tell the user how it goes; a response, if it is the first. Of what is closed there is nothing more to tell."""
        said = rules.words(text, 'the text')
        with self._turn(number, by, now, expected) as turn:
            rules.describable(turn.folio)
            turn.change(**turn.response())
            turn.enter(EntryKind.UPDATE, said)
            turn.tell(to_user, 'update', text=said)
            return turn.folio

    def resolve(self, number: str, *, solution: str, by: str, now: datetime, diagnosis: str = '', first_contact: bool = False,
                expected: int | None = None) -> Folio:
        """It is solved, as we think; the parties of the contract are asked to confirm it (mission.md 4.7)."""
        solved = rules.words(solution, 'the solution')
        with self._turn(number, by, now, expected) as turn:
            after(turn.folio.state, Move.RESOLVE, number)
            if first_contact:
                rules.first_contact(turn.folio)
            known = {'diagnosis': clean(diagnosis)} if clean(diagnosis) else {}
            turn.move(Move.RESOLVE, solved, solution=solved, resolved_by=turn.by, resolved_at=turn.at, first_contact=first_contact,
                      **known, **turn.response())
            turn.enter(EntryKind.MOVE, 'resuelto en el primer contacto' if first_contact else 'resuelto', solved)
            verification.ask_parties(turn)
            turn.tell(to_user, 'resolved', solution=solved, first_contact=first_contact)
            for other in reporters_of_duplicates(turn.connection, number):
                turn.tell(to_reporter, 'resolved', number=other.number, user_name=other.user_name, user_email=other.user_email,
                          solution=solved, first_contact=first_contact)
            return turn.folio

    def confirm(self, number: str, *, by: str, via: str, now: datetime, score: int | None = None, comment: str = '',
                party: str = 'user', expected: int | None = None) -> Folio:
        """A party says that it is solved and recorded right; closed_verified once all who must have said so (mission.md 4.7).

        `via`: 'call', 'page' (`by` is the party itself) or 'person' (`by` is a login, not the solver's); `score`: of the survey, 1 to 5.
        A comment that says the contrary is believed enough to warn the supervisors.
        """
        whose = by if by in rules.PARTIES else party
        rules.score_given(score)
        with self._turn(number, by, now, expected) as turn:
            after(turn.folio.state, Move.CONFIRM, number)
            rules.may_confirm(turn.folio, turn.by, via, whose)
            if verification.states(turn).get(whose) == 'confirmed':
                return turn.folio
            _confirmed(turn, whose, via, score, clean(comment))
            return turn.folio

    def close(self, number: str, *, now: datetime) -> Folio:
        """Nobody answered: closed_unverified, reported apart and reopenable for some days (mission.md 4.7)."""
        with self._turn(number, MESA, now) as turn:
            turn.move(Move.CLOSE, NOBODY_ANSWERED, closed_at=turn.at)
            verification.give_up(turn, 'unanswered')
            turn.enter(EntryKind.MOVE, STATES[turn.folio.state], NOBODY_ANSWERED)
            turn.tell(to_user, 'closed', verified=False, score=None)
            return turn.folio

    def reopen(self, number: str, *, reason: str, by: str, now: datetime, via: str = 'person', expected: int | None = None) -> Folio:
        """It is not solved: back to the group or agent who had it, and the clock goes on where it stood (mission.md 4.7)."""
        why = rules.words(reason, 'the reason of the reopening')
        with self._turn(number, by, now, expected) as turn:
            reopened(turn, why, via)
            return turn.folio

    def cancel(self, number: str, *, reason: str, by: str, now: datetime, cause: str = CancelCause.USER,
               expected: int | None = None) -> Folio:
        """Nothing is to be done about it, for a reason that stands in it; its class decides whether it counts (mission.md 7.1).

        Whoever sent spam hears nothing of it.
        """
        why, of_class = rules.words(reason, 'the reason'), rules.cancel_cause(cause)
        with self._turn(number, by, now, expected) as turn:
            turn.move(Move.CANCEL, why, cancel_reason=why, cancel_cause=of_class.value, closed_at=turn.at)
            turn.enter(EntryKind.MOVE, STATES[turn.folio.state] + CANCEL_WORDS[of_class], why)
            if of_class is not CancelCause.SPAM:
                turn.tell(to_user, 'cancelled', reason=why)
            return turn.folio

    def merge(self, duplicate: str, into: str, *, by: str, now: datetime, expected: int | None = None) -> Folio:
        """The first folio says the same as the second, or as what that one is a duplicate of; returns the duplicate, cancelled.

        `expected`: the version of the duplicate. Of the other nothing is lost: it gets an entry.
        """
        with self._db.write() as connection:
            target = target_of(connection, duplicate, into)
            turns = {number: Turn(connection, self._site(), number, by, now) for number in sorted({duplicate, target})}
            turn, kept = turns[duplicate], turns[target]
            turn.check(expected)
            kept.check(None)
            after(turn.folio.state, Move.CANCEL, duplicate)
            rules.mergeable(turn.folio, kept.folio)
            turn.move(Move.CANCEL, f'duplicado del folio {target}', cancel_reason='duplicate', duplicate_of=target, closed_at=turn.at)
            turn.enter(EntryKind.MERGED, f'duplicado del folio {target}')
            kept.change()
            kept.enter(EntryKind.MERGED, f'el folio {duplicate} es un duplicado de este')
            turn.tell(to_user, 'merged', into=target)
            return turn.folio

    def prioritise(self, number: str, *, impact: str, urgency: str, reason: str, by: str, now: datetime,
                   expected: int | None = None) -> Folio:
        """Change impact and urgency, and with them the priority and all due times (mission.md 4.1)."""
        why = rules.words(reason, 'the reason of the change')
        priority = priority_of(impact, urgency).value
        with self._turn(number, by, now, expected) as turn:
            before = turn.folio.report.priority
            turn.move(Move.PRIORITISE, why, impact=impact, urgency=urgency, priority=priority)
            turn.enter(EntryKind.MOVE, priority_words(before, priority, impact, urgency), why)
            if priority != before:
                turn.tell(to_user, 'update',
                          text=f'La prioridad de su reporte cambió de {PRIORITIES[before]} a {PRIORITIES[priority]}: {why}')
            return turn.folio


def reopened(turn: Turn, why: str, via: str) -> None:
    """Reopen a folio within a turn that other things belong to: the answer that came by e-mail. Raises IllegalMove, NotAllowed."""
    after(turn.folio.state, Move.REOPEN, turn.folio.number)
    rules.still_reopenable(turn.folio, policy_for(turn.site, turn.folio), turn.now)
    if turn.by in verification.states(turn):
        verification.settle(turn, turn.by, 'refused', via, None, why)
    verification.give_up(turn, 'void')
    turn.move(Move.REOPEN, why, reopens=turn.folio.reopens + 1, resolved_at=None, resolved_by=None, closed_at=None,
              first_contact=False, score=None, acknowledged_at=None, **_taken_back(turn.folio, turn.site))
    turn.enter(EntryKind.MOVE, f'reabierto {VIAS.get(via, via)}', why)
    turn.tell(to_user, 'reopened', reason=why)
    if turn.folio.holder == 'group':
        turn.tell(to_group, 'handover', group=turn.folio.resolver_group, reason=why)
    if turn.folio.holder == 'nobody':
        _warn(turn, 'se reabrió y nadie lo tiene asignado', 'Se reabrió y nadie lo tiene asignado.')


def _to_group(turn: Turn, key: str, reason: str) -> Folio:
    group = rules.assignable_group(turn.site, turn.folio, key)
    turn.move(Move.ASSIGN, reason, agent=None, resolver_group=key, holder='group', acknowledged_at=None)
    turn.enter(EntryKind.MOVE, f'turnado al grupo {key}', reason)
    turn.tell(to_group, 'handover', group=key, reason=reason)
    turn.tell(to_user, 'assigned', group_title=group.title)
    return turn.folio


def _held_by(folio: Folio, site: Site, login: str) -> dict[str, Any]:
    """The columns of a folio that an agent takes; a member takes it for his group, which keeps it."""
    client = site.clients.get(folio.report.client)
    group = client.groups.get(folio.resolver_group or '') if client else None
    kept = folio.resolver_group if group is not None and login in group.agents else None
    return {'agent': login, 'holder': 'agent', 'resolver_group': kept}


def _taken_back(folio: Folio, site: Site) -> dict[str, Any]:
    """Who gets a reopened folio: the group that had it, else who solved it, else who had it."""
    client = site.clients.get(folio.report.client)
    group = client.groups.get(folio.resolver_group or '') if client else None
    if group is not None and not any(is_accused(folio, login) for login in group.agents):
        return {'agent': None, 'resolver_group': folio.resolver_group, 'holder': 'group'}
    agent = next((login for login in (folio.resolved_by, folio.agent) if login in site.agents and not is_accused(folio, login)), None)
    return {'agent': agent, 'resolver_group': None, 'holder': 'agent' if agent else 'nobody'}


def _confirmed(turn: Turn, party: str, via: str, score: int | None, comment: str) -> None:
    """Store a party's confirmation, and close the folio unless the other one must confirm, too."""
    verification.settle(turn, party, 'confirmed', via, score, comment)
    scored = {} if score is None or (party != 'user' and turn.folio.score is not None) else {'score': score}
    awaited = verification.awaited(turn, policy_for(turn.site, turn.folio), party)
    said = f'{party_name(party)} confirmó {VIAS[via]}'
    if awaited:
        turn.change(**scored)
        turn.enter(EntryKind.NOTE, f'{said}; falta {" y ".join(map(party_name, awaited))}', comment)
    else:
        verification.give_up(turn, 'void')
        turn.move(Move.CONFIRM, comment, closed_at=turn.at, **scored)
        turn.enter(EntryKind.MOVE, f'{said}; queda cerrado', comment)
    if score is not None:
        turn.enter(EntryKind.SURVEY, f'calificación {of_party(party)}: {score} de 5')
    if not awaited:
        turn.tell(to_user, 'closed', verified=True, score=turn.folio.score)
    if contradicts(comment):
        _warn(turn, f'se confirmó, pero el comentario dice lo contrario: {comment}',
              f'Se confirmó como resuelto, pero el comentario dice lo contrario: «{comment}».')


def _warn(turn: Turn, entry: str, letter: str) -> None:
    turn.enter(EntryKind.WARNING, entry)
    turn.tell(to_supervisors, 'warning', text=letter)
