"""What happened at a help desk, told by chance in order of time: calls, folios and their lives, faxes; for `contract_loader`."""
from __future__ import annotations

import json
import random
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, func, select, update

from ami_listener.tables import call_legs, calls, presence_history
from callcenter.bulk_rows import Row, Writer
from callcenter.contract_days import Days, opened_at_random
from config.contract import resolve_seconds, respond_seconds, way_out
from config.hours import add_open_seconds
from config.values import Client, Line, Modality, Site, User
from fax.books import SERIES as FAX_SERIES
from fax.books import reference_of
from fax.outgoing.job_tables import fax_jobs
from fax.tables import faxes
from ticketing.numbers import number_for
from ticketing.opening import SERIES
from ticketing.tables import (
    call_backs,
    call_notes,
    close_calls,
    counters,
    escalations,
    folio_changes,
    folio_entries,
    folios,
    messages_in,
    outbound_calls,
    problems,
    status_inquiries,
)

AGENTS = 30                                            # logins of a shift; the site's own come first
MODALITIES = ((Modality.STANDARD, 65), (Modality.PREMIUM, 27), (Modality.VIP, 8))
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
# Parents stand before what refers to them.
TABLES: tuple[Table, ...] = (problems, folios, folio_changes, folio_entries, close_calls, call_backs, outbound_calls, escalations, calls,
                             call_legs, call_notes, status_inquiries, messages_in, presence_history, faxes, fax_jobs)
NUMBERED = (problems, close_calls, call_backs)         # ids that rows of other tables name


@dataclass
class Folio:
    """A folio while its life is told."""

    id: int
    number: str
    client: Client
    line: Line
    user: User | None
    phone: str
    opened: datetime
    starts: datetime
    state: str = 'new'
    priority: str = 'medium'
    category: str | None = None
    columns: Row = field(default_factory=dict)
    reopens: int = 0

    @property
    def over(self) -> datetime | None:
        """When it needed no more work."""
        found: datetime | None = self.columns.get('resolved_at') or self.columns.get('closed_at')
        return found


class Crew:
    """Agents who take calls in turn; who talks or writes down takes none."""

    def __init__(self, site: Site, dice: random.Random, shift: str) -> None:
        own = list(site.agents)
        self._agents = deque([*own, *(f'{shift}-{number:02}' for number in range(len(own) + 1, AGENTS + 1))])
        self._free: dict[str, datetime] = {}
        self._dice = dice

    def take(self, at: datetime) -> str:
        """Who answers at this moment."""
        for _ in self._agents:
            self._agents.rotate(-1)
            if self._free.get(self._agents[0], at) <= at:
                break
        return self._agents[0]

    def busy(self, login: str, until: datetime) -> None:
        """He is free again then."""
        self._free[login] = until


class Past:
    """Tells folios and calls, in order of time."""

    def __init__(self, site: Site, dice: random.Random, days: Days, writer: Writer) -> None:
        self.site = site
        self.dice = dice
        self.days = days
        self.writer = writer
        self.clients = [client for client in site.clients.values() if _lines(site, client, Modality.STANDARD)][:2]
        if len(self.clients) < 2:
            raise ValueError('two clients with a standard line are needed')
        self.trunk = getattr(way_out(site), 'name', 'trunk')
        self.crew = Crew(site, dice, 'turno')
        self.next: Counter[str] = Counter()
        self.calls_made = 0
        self.lived: dict[str, list[tuple[datetime, datetime, str, int, str]]] = {client.key: [] for client in self.clients}

    def go_on_after(self, connection: Connection) -> None:
        """Take numbers where the books stand."""
        for name in (SERIES, FAX_SERIES):
            self.next[name] = connection.scalar(select(counters.c.last).where(counters.c.name == name)) or 0
        for table in NUMBERED:
            self.next[table.name] = connection.scalar(select(func.max(table.c.id))) or 0
        self.calls_made = connection.scalar(select(func.count()).select_from(calls)) or 0

    def leave(self, connection: Connection) -> None:
        """Leave the series where they stand now."""
        for name in (SERIES, FAX_SERIES):
            connection.execute(update(counters).where(counters.c.name == name).values(last=self.next[name]))

    def number(self, name: str) -> int:
        self.next[name] += 1
        return self.next[name]

    def chance(self, percent: float) -> bool:
        return self.dice.random() * 100 < percent

    # --- folios --------------------------------------------------------------------------------------------------------

    def live(self, count: int) -> None:
        """So many folios, each to its end or to the end of the last month."""
        for at in opened_at_random(self.days, self.dice, count):
            self._folio(at)
            self.writer.pause()

    def _folio(self, at: datetime) -> None:
        dice = self.dice
        client = self.clients[0] if self.chance(60) else self.clients[1]
        modality = self._modality(client)
        line = _lines(self.site, client, modality)[0]
        user = dice.choice(client.users) if client.users and not self.chance(3) else None
        phone = user.phones[0] if user and user.phones else f'+5255{dice.randrange(10_000_000, 99_999_999)}'
        n = self.number(SERIES)
        folio = Folio(n, number_for(n), client, line, user, phone, at, self.days.opening(at),
                       priority=dice.choices(('low', 'medium', 'high'), (25, 55, 20))[0],
                       category=dice.choice(client.categories).name if client.categories and not self.chance(4) else None)
        origin = dice.choices(('phone', 'email', 'person'), (88, 8, 4))[0]
        kind = dice.choices(('failure', 'request', 'complaint'), (60, 38, 2))[0]
        linkedid = self._linkedid(at) if origin == 'phone' else None
        terms = client.policy_of(modality)
        respond_due = self._later(folio, respond_seconds(terms, folio.priority))
        folio.columns = {'respond_due': respond_due, 'promised': None, 'next_look': None}
        self._enter(folio, at, 'opened', origin, 'en horario')
        if linkedid is not None:
            abandoned = self._opening_call(folio, linkedid, at)
        else:
            abandoned = False
            if origin == 'email':
                self._message(folio, at)
        self._fate(folio, at, abandoned, linkedid is not None)
        if folio.state in ('new', 'assigned', 'in_progress'):
            folio.columns |= {'promised': (due := self._later(folio, resolve_seconds(terms, folio.priority))), 'next_look': due}
        if folio.state == 'cancelled' and 'responded_at' not in folio.columns:
            folio.columns['respond_due'] = None
        problem = self._problem(folio) if self.chance(0.5) and folio.category and kind == 'failure' else None
        self._store(folio, kind, origin, linkedid, problem)
        self.lived[client.key].append((at, folio.over or self.days.end, folio.number, folio.id, folio.line.number))

    def _store(self, folio: Folio, kind: str, origin: str, linkedid: str | None, problem: int | None) -> None:
        told, user = folio.columns, folio.user
        self.writer.add(
            folios, id=folio.id, number=folio.number, opened_at=folio.opened, clock_starts=folio.starts, state=folio.state,
            priority=folio.priority, kind=kind, client=folio.client.key, line=folio.line.number, modality=folio.line.modality.value,
            site=user.site if user else None, linkedid=linkedid, employee_number=user.employee_number if user else None,
            user_name=user.name if user else None, caller_number=folio.phone, identified_by='caller_id' if user else 'unknown',
            unlisted=user is None, category=folio.category, rule='en horario', from_message=False, origin=origin,
            holder=told.get('holder', 'nobody'), promised=told['promised'], abandoned_at=told.get('abandoned_at'),
            version=told.get('version', 0), impact=folio.priority, urgency=folio.priority, summary=f'Reporte {folio.id} de ejemplo',
            user_email=user.email if user else None, agent=told.get('agent'), resolver_group=told.get('resolver_group'),
            respond_due=told['respond_due'], responded_at=told.get('responded_at'), resolved_at=told.get('resolved_at'),
            resolved_by=told.get('resolved_by'), closed_at=told.get('closed_at'), reopens=folio.reopens,
            first_contact=told.get('first_contact', False), score=told.get('score'), cancel_reason=told.get('cancel_reason'),
            duplicate_of=told.get('duplicate_of'), problem_id=problem, next_look=told['next_look'])

    def _fate(self, folio: Folio, at: datetime, abandoned: bool, phoned: bool) -> None:
        """What becomes of it; every step only if its time has come before the end of the last month."""
        dice, earlier = self.dice, self.lived[folio.client.key]
        if abandoned and self.chance(60):
            self._cancel(folio, self._open_later(at, 2 * HOUR), 'no se pudo localizar a quien llamó')
        elif self.chance(2) and earlier:
            self._cancel(folio, self._open_later(at, 20 * MINUTE), 'duplicate', earlier[-1][2])
        elif self.chance(1.5):
            self._cancel(folio, self._open_later(at, 30 * MINUTE), dice.choice(('no era una solicitud', 'abierto por error')))
        elif phoned and not abandoned and self.chance(45):
            self._resolve(folio, at + timedelta(seconds=dice.randrange(120, 700)), first_contact=True)
        else:
            self._work(folio, at)

    def _work(self, folio: Folio, at: datetime) -> None:
        """Second level: handed over, taken, perhaps paused, solved."""
        dice = self.dice
        steps = [('assign', 'assigned', timedelta(seconds=dice.randrange(60, 1800))), ('start', 'in_progress', self._some(20 * MINUTE))]
        if self.chance(20):
            steps += [('wait', 'waiting', self._some(HOUR)), ('resume', 'in_progress', self._some(6 * HOUR))]
        for move, state, after in steps:
            at = self._open_later(at, after)
            if not self._move(folio, at, move, state):
                return
            if move == 'start':
                folio.columns.setdefault('responded_at', at)
        self._resolve(folio, self._open_later(at, self._some(2.5 * HOUR)))

    def _resolve(self, folio: Folio, at: datetime, first_contact: bool = False) -> None:
        if not self._move(folio, at, 'resolve', 'resolved'):
            return
        agent = folio.columns.get('agent') or self.dice.choice(list(self.site.agents))
        folio.columns |= {'resolved_at': at, 'resolved_by': agent, 'agent': agent, 'holder': 'agent', 'first_contact': first_contact}
        folio.columns.setdefault('responded_at', at)
        self._escalate(folio, at)
        self._verify(folio, at)

    def _escalate(self, folio: Folio, at: datetime) -> None:
        """The rungs that were reached before it was resolved."""
        target = resolve_seconds(folio.client.policy_of(folio.line.modality), folio.priority)
        if at - folio.starts < target * SECOND / 2 or folio.reopens:
            return
        for step in folio.client.escalation:
            due = self._later(folio, target * step.percent // 100 if step.percent is not None else target + 60 * (step.after_minutes or 0))
            if due >= at:
                break
            self.writer.add(escalations, folio_id=folio.id, step=step.name, due_at=due, fired_at=due + SECOND)

    def _verify(self, folio: Folio, at: datetime) -> None:
        """The close call: up to three attempts, a letter, and what is answered (mission.md 4.7)."""
        dice, owner = self.dice, self.number(close_calls.name)
        asked: Row = {'id': owner, 'folio_id': folio.id, 'cycle': folio.reopens, 'party': 'user', 'client': folio.client.key,
                      'state': 'waiting', 'attempts': 0, 'next_at': at, 'deadline': None, 'answered_by': None, 'answered_via': None,
                      'answered_at': None, 'score': None}
        via, chances = '', (66, 4, 21, 5, 4) if self.chance(93) else (0, 0, 70, 20, 10)         # some are never there
        for attempt in range(3):
            at = self._open_later(at, self._some(10 * MINUTE) if attempt == 0 else 2 * HOUR)
            if at >= self.days.end:
                break
            outcome = dice.choices(('confirmed', 'refused', 'no_answer', 'busy', 'no_key'), chances)[0]
            asked['attempts'] = attempt + 1
            at = self._placed(folio, owner, 'close_call', f'mesa-cc-{owner}-{attempt + 1}-{dice.getrandbits(32):08x}', at, outcome)
            if outcome in ('confirmed', 'refused'):
                via = 'call'
                break
        else:
            at, outcome = self._open_later(at, self._some(20 * HOUR)), dice.choices(('confirmed', 'refused', 'unanswered'), (45, 5, 50))[0]
            via = dice.choice(('page', 'page', 'page', 'person'))
            asked |= {'state': 'mailed', 'deadline': at, 'next_at': at}
        if at < self.days.end:
            self._answered(folio, asked, outcome, via, at)
        self.writer.add(close_calls, **asked)

    def _answered(self, folio: Folio, asked: Row, outcome: str, via: str, at: datetime) -> None:
        if outcome not in ('confirmed', 'refused', 'unanswered'):
            return
        answer: Row = {'state': outcome, 'next_at': None, 'deadline': None}
        if outcome == 'unanswered':
            self._move(folio, at, 'close', 'closed_unverified', by='mesa')
            folio.columns['closed_at'] = at
        elif outcome == 'confirmed':
            score = self.dice.choices((1, 2, 3, 4, 5, None), (2, 3, 10, 30, 40, 15))[0]
            answer |= {'answered_by': 'user', 'answered_via': via, 'answered_at': at, 'score': score}
            self._move(folio, at, 'confirm', 'closed_verified', by='user')
            folio.columns |= {'closed_at': at, 'score': score}
        else:
            answer |= {'answered_by': 'user', 'answered_via': via, 'answered_at': at}
            self._move(folio, at, 'reopen', 'assigned', by='user', reason='No quedó resuelto.')
            folio.reopens += 1
            folio.columns |= {'resolved_at': None, 'resolved_by': None, 'first_contact': False}
            at = self._open_later(at, self._some(30 * MINUTE))
            if self._move(folio, at, 'start', 'in_progress'):
                self._resolve(folio, self._open_later(at, self._some(2 * HOUR)))
        asked |= answer

    def _cancel(self, folio: Folio, at: datetime, reason: str, original: str | None = None) -> None:
        if self._move(folio, at, 'cancel', 'cancelled', reason=f'duplicado del folio {original}' if original else reason):
            folio.columns |= {'closed_at': at, 'cancel_reason': reason, 'duplicate_of': original}

    def _move(self, folio: Folio, at: datetime, move: str, state: str, by: str = '', reason: str = '') -> bool:
        """One change, unless its time has not come."""
        if at >= self.days.end:
            return False
        login = by or folio.columns.get('agent') or self.dice.choice(list(self.site.agents))
        if move in ('assign', 'start'):
            folio.columns |= {'agent': login, 'holder': 'agent'}
        self.writer.add(folio_changes, folio_id=folio.id, at=at, move=move, from_state=folio.state, to_state=state,
                        priority=folio.priority, waiting_for='user' if state == 'waiting' else None, by=login, reason=reason)
        self._enter(folio, at, 'move', login, move)
        folio.state = state
        folio.columns['version'] = folio.columns.get('version', 0) + 1
        return True

    def _enter(self, folio: Folio, at: datetime, kind: str, by: str, words: str = '', linkedid: str | None = None) -> None:
        self.writer.add(folio_entries, folio_id=folio.id, at=at, kind=kind, by=by, text=words, linkedid=linkedid)

    def _message(self, folio: Folio, at: datetime) -> None:
        self.writer.add(messages_in, message_id=f'<carga-{folio.id}@{folio.client.key}.example>', sha256=f'{folio.id:064x}', received_at=at,
                        client=folio.client.key, folio_id=folio.id, sender=folio.user.email if folio.user else 'otro@fuera.example',
                        subject=f'Reporte {folio.id}', outcome='opened', reason='de la lista' if folio.user else 'fuera de la lista')

    def _problem(self, folio: Folio) -> int:
        number, state = self.number(problems.name), self.dice.choice(('solved', 'solved', 'confirmed', 'rejected', 'proposed'))
        self.writer.add(problems, id=number, client=folio.client.key, category=folio.category, state=state, title='Posible falla',
                        proposed_at=folio.opened, changed_at=folio.opened, by='mesa')
        return number

    # --- calls ---------------------------------------------------------------------------------------------------------

    def more_calls(self, count: int, told: Callable[[str], object]) -> None:
        """The calls that open no folio: continuations, status inquiries, hang-ups, calls after hours, faxes."""
        self.crew = Crew(self.site, self.dice, 'noche')
        begins = {client: [one[0] for one in some] for client, some in self.lived.items()}
        for number, at in enumerate(opened_at_random(self.days, self.dice, count), 1):
            client = self.clients[0] if self.chance(60) else self.clients[1]
            what = self.dice.choices(('continue', 'status', 'hung_up', 'closed', 'fax'), (45, 25, 14, 14, 2))[0]
            if what == 'continue' and (found := self._open_folio(client, at, begins[client.key])):
                self._continuation(client, at, *found)
            elif what == 'fax' and (lines := _lines(self.site, client, Modality.FAX)):
                self._fax(client, lines[0], at)
            else:
                self._short(client, at, what)
            self.writer.pause()
            if number % 50_000 == 0:
                told(f'{number} more calls')

    def _open_folio(self, client: Client, at: datetime, begins: list[datetime]) -> tuple[str, int, str] | None:
        """One of the client's that is open at this moment, the newest of some; else the newest of all."""
        newest = bisect_right(begins, at)
        some = self.lived[client.key][max(0, newest - 40):newest]
        found = next((one for one in reversed(some) if one[1] > at), some[-1] if some else None)
        return found and found[2:]

    def _continuation(self, client: Client, at: datetime, number: str, folio_id: int, line: str) -> None:
        linkedid = self._linkedid(at)
        self.writer.add(folio_entries, folio_id=folio_id, at=at, kind='call', by='caller', text='', linkedid=linkedid)
        self._queued(linkedid, at, self.site.lines[line], number, f'+5255{self.dice.randrange(10_000_000, 99_999_999)}')

    def _opening_call(self, folio: Folio, linkedid: str, at: datetime) -> bool:
        """The call that opened a folio; whether its caller gave up."""
        started = at - timedelta(seconds=self.dice.randrange(10, 60))
        end, left, agent = self._queued(linkedid, started, folio.line, folio.number, folio.phone, at)
        if end == 'answered':
            folio.columns['responded_at'] = left
            self._enter(folio, left, 'answered', agent, '', linkedid)
        elif end == 'abandoned':
            folio.columns['abandoned_at'] = left
            self._enter(folio, left, 'abandoned', 'caller', '', linkedid)
        elif end == 'call_back':
            self._call_back(folio, linkedid, left)
        return end == 'abandoned'

    def _queued(self, linkedid: str, started: datetime, line: Line, folio: str, ani: str,
                joined: datetime | None = None) -> tuple[str, datetime, str]:
        """A call that waits: how it ends, when the wait does, and who answers."""
        dice = self.dice
        joined = (joined or started) + timedelta(seconds=dice.uniform(1, 20))
        end = dice.choices(('answered', 'abandoned', 'call_back', 'voice_message'), (90.5, 7, 1.5, 1))[0]
        wait = dice.uniform(1.5, 15) if self.chance(80) else dice.expovariate(1 / 70) + 5
        if end != 'answered':
            wait = dice.uniform(2, 15) if self.chance(30) else dice.uniform(15, 400)
        wait = round(wait, 6)
        left = joined + timedelta(seconds=wait)
        agent = self.crew.take(left) if end == 'answered' else None
        talk = round(dice.lognormvariate(5.2, 0.6), 6) if agent else None
        ended = left + timedelta(seconds=talk if talk is not None else 0.5)
        promoted = None
        self._call(linkedid, 'in', started, started + SECOND / 2, ended, line=line.number, dialled=line.number, ani=ani, path='mesa',
                   destination='queue', queue=line.queue, priority=10 if line.modality is Modality.VIP else 0, promoted=promoted,
                   joined=joined, left_queue=left, wait_s=wait, agent=agent, agent_answered=left if agent else None, talk_s=talk,
                   folio=folio, disposition=end)
        self._leg(linkedid, f'PJSIP/trunk-{self.trunk}-{self.calls_made:08x}', f'PJSIP/{agent}-{self.calls_made:08x}' if agent else '',
                  'Queue', joined if agent else started, started + SECOND / 2, ended, 'ANSWERED')
        if agent is not None:
            self._wrap_up(agent, ended, line.queue or '')
        return end, left, agent or ''

    def _wrap_up(self, agent: str, ended: datetime, queue: str) -> None:
        """What the agent does after a call; some ask for more time, or are ready sooner."""
        seconds, dice = self.site.queues[queue].wrapup_seconds, self.dice
        noted = [(ended, 'wrap_up', queue)]
        free = ended + timedelta(seconds=seconds)
        if self.chance(15):
            noted.append((ended + timedelta(seconds=seconds / 2), 'wrap_up', ''))
            free = ended + timedelta(seconds=dice.randrange(30, 240))
            noted.append((free, 'ready', ''))
        elif self.chance(10):
            free = ended + timedelta(seconds=seconds * 0.6)
            noted.append((free, 'ready', ''))
        for at, what, detail in noted:
            self.writer.add(presence_history, login=agent, at=at, what=what, detail=detail, note='', by=agent)
        self.crew.busy(agent, free)

    def _call_back(self, folio: Folio, linkedid: str, asked: datetime) -> None:
        owner, at = self.number(call_backs.name), asked + self._some(10 * MINUTE)
        kept = self.chance(85)
        state = 'waiting' if at >= self.days.end else 'served' if kept else 'given_up'
        attempts = 0
        while state != 'waiting' and attempts < (1 if kept else 3):
            attempts += 1
            at = self._placed(folio, owner, 'call_back', f'call-back-{owner}-{attempts}-{self.dice.getrandbits(32):08x}', at,
                              'accepted' if kept else 'missed') + 10 * MINUTE
        self.writer.add(call_backs, id=owner, linkedid=linkedid, client=folio.client.key, line=folio.line.number, queue=folio.line.queue,
                        priority=0, number=folio.phone, folio_id=folio.id, joined_at=asked - MINUTE, asked_at=asked, state=state,
                        attempts=attempts, next_at=at, finished_at=None if state == 'waiting' else at)
        if state == 'served':
            folio.columns['responded_at'] = at - 10 * MINUTE

    def _placed(self, folio: Folio, owner: int, kind: str, linkedid: str, at: datetime, outcome: str) -> datetime:
        """A call of ours over the trunk: its row before it is dialled, its record, its legs. When it ended."""
        talked = outcome in ('confirmed', 'refused', 'no_key', 'later', 'accepted')
        rang = timedelta(seconds=round(self.dice.uniform(2, 25), 6))
        ended = at + rang + (timedelta(seconds=round(self.dice.uniform(15, 120), 6)) if talked else timedelta(0))
        self.writer.add(outbound_calls, linkedid=linkedid, kind=kind, owner_id=owner, folio_id=folio.id, client=folio.client.key,
                        number=folio.phone, started_at=at, ended_at=ended, outcome=outcome)
        self._enter(folio, at, 'close_call' if kind == 'close_call' else 'call', 'mesa', f'llamada a {folio.phone}', linkedid)
        taken = at + rang if talked else None
        agent = next(iter(self.site.agents)) if kind == 'call_back' else None
        disposition = 'answered' if talked else 'busy' if outcome == 'busy' else 'no_answer'
        self._call(linkedid, 'out', at, taken, ended, dialled=folio.phone, destination='call_back' if kind == 'call_back' else None,
                   agent=agent if talked else None, agent_answered=taken if agent else None,
                   talk_s=(ended - taken).total_seconds() if agent and taken else None, folio=folio.number, disposition=disposition)
        trunk = f'PJSIP/trunk-{self.trunk}-{self.calls_made:08x}'
        reached = 'ANSWERED' if talked else 'BUSY' if outcome == 'busy' else 'NO ANSWER'
        if agent is None:
            self._leg(linkedid, trunk, '', 'AGI' if talked else '', at, taken, ended, reached)
        else:
            self._leg(linkedid, f'Local/{owner}@mesa-call-back-{self.calls_made:08x};2', trunk, 'Dial', at, taken, ended, reached)
        return ended

    def _short(self, client: Client, at: datetime, what: str) -> None:
        """A call that reaches nobody: status by folio, hung up in the menu, or outside the hours."""
        dice, linkedid = self.dice, self._linkedid(at)
        line = _lines(self.site, client, self._modality(client))[0]
        user = dice.choice(client.users) if client.users and not self.chance(3) else None
        ani = user.phones[0] if user and user.phones else f'+5255{dice.randrange(10_000_000, 99_999_999)}'
        if what == 'closed':
            at = self.days.closed_moment(at, dice)
        ended = at + timedelta(seconds=round(dice.uniform(5, 90), 6))
        self._call(linkedid, 'in', at, at + SECOND / 2, ended, line=line.number, dialled=line.number, ani=ani, path='mesa',
                   destination='hangup', disposition='hung_up' if what == 'hung_up' else 'goodbye')
        self._leg(linkedid, f'PJSIP/trunk-{self.trunk}-{self.calls_made:08x}', '', 'Hangup', at, at + SECOND / 2, ended, 'ANSWERED')
        self.writer.add(call_notes, linkedid=linkedid, line=line.number, client=client.key, caller_number=ani,
                        employee_number=user.employee_number if user else None, identified_by='caller_id' if user else 'unknown',
                        rule='en horario', last_prompt='mesa/menu-agent', at=at)
        if what == 'status':
            self.writer.add(status_inquiries, key=ani, at=at, allowed=True)

    def _fax(self, client: Client, line: Line, at: datetime) -> None:
        dice, linkedid, n = self.dice, self._linkedid(at), self.number(FAX_SERIES)
        pages = dice.choices((1, 2, 3, 4, 5, 8, 12), (40, 25, 12, 8, 5, 6, 4))[0]
        ended = at + timedelta(seconds=30 * pages)
        ani = f'+5255{dice.randrange(10_000_000, 99_999_999)}'
        state = dice.choices(('sent', 'rejected', 'quarantined', 'undelivered', 'discarded'), (92, 3, 2, 2, 1))[0]
        self._call(linkedid, 'in', at, at, ended, line=line.number, dialled=line.number, ani=ani, path='mesa', destination='fax',
                   disposition='fax')
        self._leg(linkedid, f'PJSIP/trunk-{self.trunk}-{self.calls_made:08x}', 'IAX2/ttyIAX0-1', 'Dial', at, at, ended, 'ANSWERED')
        self.writer.add(faxes, id=n, reference=reference_of(n), file=f'fax{n:09}', sha256=f'{n:064x}', size=20_000 * pages,
                        line=line.number, client=client.key, caller_number=ani, caller_name='', called_number=line.number, device='ttyIAX0',
                        commid=f'{n:09}', reason='', received_at=ended, state=state, pages=pages,
                        sent_pages=min(pages, 5) if state == 'sent' else None, damage=json.dumps([]), deliveries=int(state == 'sent'),
                        recipient=line.email or None, finished_at=None if state in ('quarantined', 'undelivered') else ended + MINUTE)
        if self.chance(20):
            self._fax_out(client, line, ended)

    def _fax_out(self, client: Client, line: Line, at: datetime) -> None:
        number, sent = self.writer.counts[fax_jobs.name] + 1, self.chance(90)
        pages, created = self.dice.randrange(1, 6), at + 20 * MINUTE
        self.writer.add(fax_jobs, tag=f'carga-{self.next[FAX_SERIES]}-{number}', sha256=f'{number:064x}', name='documento.pdf',
                        content_type='application/pdf', size=10_000, pages=pages, number='+525555559099', client=client.key,
                        line=line.number, by='ana', max_tries=3, max_dials=12, state='sent' if sent else 'failed',
                        submissions=1, tries=1, dials=1, pages_sent=pages if sent else 0, status='', created_at=created,
                        submitted_at=created, ended_at=created + pages * MINUTE, seconds=40 * pages, price='1.50',
                        cost=f'{1.5 * pages:.2f}')

    def _call(self, linkedid: str, direction: str, started: datetime, answered: datetime | None, ended: datetime, **told: Any) -> None:
        self.calls_made += 1
        row = {'linkedid': linkedid, 'direction': direction, 'started': started, 'answered': answered, 'ended': ended, 'recorded': False}
        self.writer.add(calls, **row, **{name: told.get(name) for name in _TOLD_OF_CALL})

    def _leg(self, linkedid: str, channel: str, peer: str, application: str, started: datetime, answered: datetime | None,
             ended: datetime, disposition: str) -> None:
        since = max(started, answered) if answered else None
        self.writer.add(call_legs, linkedid=linkedid, position=0, uniqueid=linkedid, channel=channel, peer=peer, application=application,
                        started=started, answered=since, ended=ended, duration_s=(ended - started) // SECOND,
                        billsec_s=(ended - since) // SECOND if since else 0, disposition=disposition)

    # --- time and chance -----------------------------------------------------------------------------------------------

    def _modality(self, client: Client) -> Modality:
        some = [(modality, weight) for modality, weight in MODALITIES if _lines(self.site, client, modality)]
        return self.dice.choices([modality for modality, _ in some], [weight for _, weight in some])[0]

    def _linkedid(self, at: datetime) -> str:
        return f'{at.timestamp():.0f}.{self.calls_made}'

    def _some(self, mean: timedelta) -> timedelta:
        """A time like such things take: often short, sometimes long."""
        return timedelta(seconds=round(self.dice.expovariate(1 / mean.total_seconds()), 6)) + SECOND

    def _open_later(self, at: datetime, after: timedelta) -> datetime:
        """So much open time later."""
        return self.days.open_later(at, after)

    def _later(self, folio: Folio, seconds: int) -> datetime:
        calendar = self.site.calendars[folio.line.calendar]
        return add_open_seconds(calendar, self.site.holidays, (), folio.starts, seconds)


_TOLD_OF_CALL = ('line', 'dialled', 'ani', 'path', 'destination', 'queue', 'priority', 'promoted', 'joined', 'left_queue', 'wait_s',
                 'agent', 'agent_answered', 'talk_s', 'folio', 'disposition')


def _lines(site: Site, client: Client, modality: Modality) -> list[Line]:
    """A client's lines of a modality."""
    return [line for line in site.lines.values() if line.client == client.key and line.modality is modality]
