"""The tables of ticketing. Times are UTC; numbers of telephones are E.164."""
from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, false, text
from sqlalchemy.dialects.postgresql import TSVECTOR

from storage.tables import metadata
from storage.types import RowId, UtcDateTime

OPEN = "state IN ('new', 'assigned', 'in_progress', 'waiting')"
DONE = "state NOT IN ('new', 'assigned', 'in_progress', 'waiting')"


def _only(condition: str) -> dict[str, Any]:
    """An index of some rows only, on either database."""
    return {'sqlite_where': text(condition), 'postgresql_where': text(condition)}


# One row per series; taking a number locks its row, which also makes all openings wait for each other.
counters = Table(
    'counters', metadata,
    Column('name', String(20), primary_key=True),
    Column('last', RowId, nullable=False),
)

folios = Table(
    'folios', metadata,
    Column('id', RowId, primary_key=True, autoincrement=False),           # the n of numbers.number_for
    Column('number', String(16), nullable=False, unique=True),
    Column('opened_at', UtcDateTime, nullable=False),
    Column('clock_starts', UtcDateTime, nullable=False),
    Column('state', String(20), nullable=False),
    Column('priority', String(8), nullable=False),
    Column('kind', String(16), nullable=False),
    Column('client', String(64), nullable=False),
    Column('line', String(20), nullable=False),
    Column('modality', String(16), nullable=False),
    Column('site', String(64)),
    Column('linkedid', String(160), unique=True),                         # of the call that opened it
    Column('employee_number', String(32)),
    Column('user_name', Text),
    Column('caller_number', String(40)),
    Column('identified_by', String(20), nullable=False),
    Column('unlisted', Boolean, nullable=False),
    Column('category', String(64)),
    Column('rule', Text, nullable=False),                          # what decided where the call went
    Column('from_message', Boolean, nullable=False),
    Column('origin', String(16), nullable=False),
    Column('holder', String(16), nullable=False),                         # 'nobody' | 'agent' | 'group'
    Column('promised', UtcDateTime),
    Column('abandoned_at', UtcDateTime),                                  # its call left the queue before an agent
    Column('version', Integer, nullable=False, server_default='0'),       # counts changes: two agents, no lost update
    Column('impact', String(8), nullable=False, server_default='medium'),
    Column('urgency', String(8), nullable=False, server_default='medium'),
    Column('application', String(64)),
    Column('summary', Text),
    Column('description', Text),
    Column('diagnosis', Text),
    Column('solution', Text),
    Column('user_email', String(254)),
    Column('agent', String(64)),                                          # login of who has it
    Column('resolver_group', String(64)),
    Column('complained_of', String(64)),                                  # login: a complaint never goes to him
    Column('acknowledged_at', UtcDateTime),                               # by the resolver group
    Column('waiting_for', String(16)),                                    # 'user' | 'supplier'
    Column('respond_due', UtcDateTime),
    Column('responded_at', UtcDateTime),                                  # the first response; later ones never move it
    Column('resolved_at', UtcDateTime),
    Column('resolved_by', String(64)),
    Column('closed_at', UtcDateTime),
    Column('reopens', Integer, nullable=False, server_default='0'),
    Column('first_contact', Boolean, nullable=False, server_default=false()),   # solved on the line by first level
    Column('score', Integer),                                             # the survey's, 1 to 5
    Column('cancel_reason', Text),
    Column('cancel_cause', String(16)),                                   # values.CancelCause
    Column('duplicate_of', String(16)),
    Column('problem_id', RowId),
    Column('next_look', UtcDateTime),                                     # when its service-level clock has something to do
    Column('erased_at', UtcDateTime),                                     # personal fields, on an ARCO request
    Index('folios_of_user', 'client', 'employee_number', 'opened_at'),
    Index('folios_by_time', 'opened_at'),
    Index('folios_of_client', 'client', 'opened_at'),
    Index('folios_open', 'client', 'promised', **_only(OPEN)),
    Index('folios_promised', 'promised', **_only(OPEN)),
    Index('folios_done', 'client', 'state', 'opened_at', **_only(DONE)),
    Index('folios_of_agent', 'agent', 'promised', **_only(f'agent IS NOT NULL AND {OPEN}')),
    Index('folios_of_group', 'resolver_group', 'promised', **_only(f'resolver_group IS NOT NULL AND {OPEN}')),
    Index('folios_to_look_at', 'next_look', **_only('next_look IS NOT NULL')),
    Index('folios_of_problem', 'problem_id', **_only('problem_id IS NOT NULL')),
    Index('folios_to_forget', 'client', 'closed_at', **_only('closed_at IS NOT NULL AND erased_at IS NULL')),
    Index('folios_of_original', 'duplicate_of', **_only('duplicate_of IS NOT NULL')),
)

# Every change of state or priority: what the service-level clock is told from.
folio_changes = Table(
    'folio_changes', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('folio_id', RowId, ForeignKey('folios.id'), nullable=False),
    Column('at', UtcDateTime, nullable=False),
    Column('move', String(16), nullable=False),
    Column('from_state', String(20), nullable=False),
    Column('to_state', String(20), nullable=False),
    Column('priority', String(8), nullable=False),                        # after the change
    Column('waiting_for', String(16)),
    Column('by', String(64), nullable=False),
    Column('reason', Text, nullable=False),
    Index('folio_changes_of_folio', 'folio_id'),
    Index('folio_changes_by_time', 'at'),                                 # what ended, was reopened or was resolved in an interval
)

# Append-only: triggers of the database refuse every DELETE, and every UPDATE but the one that erases a text (mission.md 4.1).
folio_entries = Table(
    'folio_entries', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('folio_id', RowId, ForeignKey('folios.id'), nullable=False),
    Column('at', UtcDateTime, nullable=False),
    Column('kind', String(20), nullable=False),
    Column('by', String(64), nullable=False),
    Column('text', Text, nullable=False),
    Column('linkedid', String(160)),                                      # of a later call; the first one stands in the folio
    Column('erased_at', UtcDateTime),                                     # its text gave way to a marker: the only change that is allowed
    Column('version', Integer),                                           # of the folio after the change that it tells; NULL: tells none
    Column('fields', Text),                                               # the columns that the change concerned, 'summary,description'
    # A call enters a timeline once for each thing it does. Partial: the commonest entries speak of no call.
    Index('folio_entries_of_call', 'linkedid', 'kind', 'folio_id', unique=True,
          **_only('linkedid IS NOT NULL')),
    Index('folio_entries_of_folio', 'folio_id'),
    Index('folio_entries_by_time', 'at'),                                 # what changed since
)

# What a program asked to be opened, by the key that it chose: asked again, it gets the same folio.
openings_asked = Table(
    'openings_asked', metadata,
    Column('by', String(64), primary_key=True),                           # the token's name
    Column('key', String(128), primary_key=True),
    Column('sha256', String(64), nullable=False),                         # of what was asked
    Column('folio_id', RowId, ForeignKey('folios.id'), nullable=False),
    Column('at', UtcDateTime, nullable=False),
)

folio_files = Table(
    'folio_files', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('folio_id', RowId, ForeignKey('folios.id'), nullable=False),
    Column('kind', String(20), nullable=False),                           # 'description' | 'message' | 'recording' | 'attachment'
    Column('name', String(255), nullable=False),                          # in the instance's messages/, recordings/ or attachments/
    Column('sha256', String(64), nullable=False),
    Column('seconds', Integer, nullable=False),
    Column('at', UtcDateTime, nullable=False),
    Column('title', String(255)),                                         # as the sender named it
    Column('content_type', String(100)),                                  # by content, not by name
    Column('size', Integer),
    Column('deleted_at', UtcDateTime),
    Column('deleted_why', String(64)),
    UniqueConstraint('folio_id', 'name', 'sha256'),
    Index('folio_files_by_age', 'kind', 'at', **_only('deleted_at IS NULL')),
    Index('folio_files_by_name', 'name'),                                 # who else has this file
)

# Effects outside the database: stored in the transaction of their cause, done by a worker. `due` goes by Mesa's clock (hours, demos);
# `not_before` and `lease_until` by the machine's, which nobody stops.
outbox = Table(
    'outbox', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('key', String(160), nullable=False, unique=True),              # natural: the same cause asks once
    Column('kind', String(16), nullable=False),                           # 'mail'
    Column('notice', String(32), nullable=False),                         # which template
    Column('client', String(64)),
    Column('folio_id', RowId, ForeignKey('folios.id')),
    Column('recipient', String(254), nullable=False),
    Column('message_id', String(255), nullable=False, unique=True),       # made once, before it is used
    Column('payload', JSON, nullable=False),
    Column('held', Boolean, nullable=False),                              # not outside the line's hours
    Column('due', UtcDateTime, nullable=False),
    Column('state', String(16), nullable=False),                          # values.Sending
    Column('tries', Integer, nullable=False),
    Column('doubts', Integer, nullable=False),                            # attempts of which nobody knows whether they arrived
    Column('not_before', UtcDateTime),
    Column('lease_until', UtcDateTime),
    Column('last_error', Text),
    Column('created_at', UtcDateTime, nullable=False),
    Column('finished_at', UtcDateTime),
    Index('outbox_waiting', 'due', **_only("state IN ('waiting', 'sending')")),
    Index('outbox_of_folio', 'folio_id'),
)

# What a client's own systems are to hear, one row for each event and each webhook that asked for it. A table of its own: a receiver that is
# down for days fills it, and no letter may wait behind that.
webhook_deliveries = Table(
    'webhook_deliveries', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('key', String(320), nullable=False, unique=True),              # webhook and natural key: the same cause is told once
    Column('event_id', String(40), nullable=False),                       # made once, before it is used; the same for all webhooks
    Column('client', String(64), nullable=False),
    Column('webhook', String(40), nullable=False),
    Column('type', String(32), nullable=False),
    Column('subject', String(180), nullable=False),                       # 'folio:NUMBER' | 'call:LINKEDID' | 'fax:REFERENCE'
    Column('sequence', Integer, nullable=False),                          # grows within the subject
    Column('folio_id', RowId, ForeignKey('folios.id')),
    Column('payload', JSON, nullable=False),                              # the whole body; {} once it was erased
    Column('state', String(16), nullable=False),                          # values.Sending, without 'doubtful'
    Column('tries', Integer, nullable=False),
    Column('not_before', UtcDateTime),                                    # the machine's clock, as lease_until
    Column('lease_until', UtcDateTime),
    Column('last_error', Text),
    Column('created_at', UtcDateTime, nullable=False),
    Column('finished_at', UtcDateTime),
    UniqueConstraint('client', 'webhook', 'event_id'),
    Index('webhook_deliveries_waiting', 'client', 'webhook', 'id', **_only("state IN ('waiting', 'sending')")),
    Index('webhook_deliveries_of_folio', 'folio_id'),
    Index('webhook_deliveries_of_subject', 'subject'),
    Index('webhook_deliveries_finished', 'finished_at'),
)

messages_in = Table(
    'messages_in', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('message_id', String(255), nullable=False, unique=True),       # the message's own, or one made of its digest
    Column('sha256', String(64), nullable=False),                         # of the bytes as they came
    Column('received_at', UtcDateTime, nullable=False),
    Column('client', String(64)),
    Column('folio_id', RowId, ForeignKey('folios.id')),
    Column('sender', String(254), nullable=False),
    Column('subject', Text, nullable=False),
    Column('outcome', String(16), nullable=False),                        # values.Intake
    Column('reason', Text, nullable=False),
    Column('settled_at', UtcDateTime),                                    # when a person decided about it
    Column('settled_by', String(64)),
    Index('messages_in_by_time', 'received_at'),
    Index('messages_in_of_folio', 'folio_id'),
    Index('messages_in_of_sender', 'sender', 'received_at'),
    Index('messages_in_held', 'received_at', **_only("settled_at IS NULL AND outcome IN ('quarantined', 'to_verify')")),
)

escalations = Table(
    'escalations', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('folio_id', RowId, ForeignKey('folios.id'), nullable=False),
    Column('step', String(32), nullable=False),                           # 'respond' | EscalationStep.name
    Column('due_at', UtcDateTime, nullable=False),
    Column('fired_at', UtcDateTime, nullable=False),
    Column('acknowledged_at', UtcDateTime),
    Column('acknowledged_by', String(64)),
    UniqueConstraint('folio_id', 'step'),
    Index('escalations_by_time', 'fired_at'),
)

# One for each resolution and each party who must confirm it (mission.md 4.7).
close_calls = Table(
    'close_calls', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('folio_id', RowId, ForeignKey('folios.id'), nullable=False),
    Column('cycle', Integer, nullable=False),                             # the folio's `reopens` when it was resolved
    Column('party', String(8), nullable=False),                           # 'user' | 'contact'
    Column('client', String(64), nullable=False),
    Column('state', String(16), nullable=False),       # 'waiting' | 'calling' | 'mailed' | 'confirmed' | 'refused' | 'unanswered' | 'void'
    Column('attempts', Integer, nullable=False),
    Column('next_at', UtcDateTime),                                       # Mesa's clock
    Column('deadline', UtcDateTime),                                      # of the answer to the e-mail
    Column('answered_by', String(64)),                                    # 'user' | 'contact' | a login
    Column('answered_via', String(8)),                                    # 'call' | 'page' | 'person'
    Column('answered_at', UtcDateTime),
    Column('score', Integer),
    Column('comment', Text),
    UniqueConstraint('folio_id', 'cycle', 'party'),
    Index('close_calls_by_answer', 'answered_at', **_only('answered_at IS NOT NULL')),
    Index('close_calls_waiting', 'next_at', **_only("state IN ('waiting', 'calling', 'mailed')")),
)

call_backs = Table(
    'call_backs', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('linkedid', String(160), nullable=False, unique=True),         # of the call that left the queue
    Column('client', String(64), nullable=False),
    Column('line', String(20), nullable=False),
    Column('queue', String(64), nullable=False),
    Column('priority', Integer, nullable=False),
    Column('number', String(40), nullable=False),
    Column('folio_id', RowId, ForeignKey('folios.id')),
    Column('joined_at', UtcDateTime, nullable=False),                     # when he joined the queue: his place
    Column('asked_at', UtcDateTime, nullable=False),
    Column('state', String(16), nullable=False),                          # 'waiting' | 'served' | 'given_up' | 'cancelled'
    Column('attempts', Integer, nullable=False),
    Column('next_at', UtcDateTime, nullable=False),
    Column('finished_at', UtcDateTime),
    Index('call_backs_by_time', 'asked_at'),
    Index('call_backs_in_flight', 'client', 'number', unique=True, **_only("state = 'waiting'")),
    Index('call_backs_waiting', 'next_at', **_only("state = 'waiting'")),
)

# Every call that we place, stored before it is placed; the linkedid is ours to choose (mission.md 7.3).
outbound_calls = Table(
    'outbound_calls', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('linkedid', String(160), nullable=False, unique=True),
    Column('kind', String(16), nullable=False),                           # 'close_call' | 'call_back' | 'click_to_call'
    Column('owner_id', RowId, nullable=False),                            # of the close call, the call-back; the folio of a click
    Column('folio_id', RowId, ForeignKey('folios.id')),
    Column('client', String(64), nullable=False),
    Column('number', String(40), nullable=False),
    Column('started_at', UtcDateTime, nullable=False),
    Column('ended_at', UtcDateTime),
    Column('outcome', String(20)),
    Index('outbound_calls_in_flight', 'number', unique=True, **_only('ended_at IS NULL')),
    Index('outbound_calls_of_owner', 'kind', 'owner_id'),
    Index('outbound_calls_by_time', 'client', 'started_at'),
)

problems = Table(
    'problems', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('client', String(64), nullable=False),
    Column('category', String(64), nullable=False),
    Column('state', String(16), nullable=False),                          # 'proposed' | 'confirmed' | 'solved' | 'rejected'
    Column('title', Text, nullable=False),
    Column('proposed_at', UtcDateTime, nullable=False),
    Column('changed_at', UtcDateTime, nullable=False),
    Column('by', String(64), nullable=False),
    Index('problems_of_client', 'client', 'category', 'state'),
)

# On-site visits of a second-level engineer: premium only, charged apart (mission.md 1.2).
visits = Table(
    'visits', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('folio_id', RowId, ForeignKey('folios.id'), nullable=False),
    Column('at', UtcDateTime, nullable=False),
    Column('by', String(64), nullable=False),
    Column('reason', Text, nullable=False),
    Index('visits_of_folio', 'folio_id'),
)

erasures = Table(
    'erasures', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('client', String(64), nullable=False),
    Column('subject_sha256', String(64), nullable=False),                 # of client and employee number: what was erased, not who
    Column('at', UtcDateTime, nullable=False),
    Column('by', String(64), nullable=False),
    Column('reason', Text, nullable=False),
    Column('erased', JSON, nullable=False),                               # table -> how many
)

status_inquiries = Table(
    'status_inquiries', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('key', String(64), nullable=False),                            # the caller's number, or the line for a trunk
    Column('at', UtcDateTime, nullable=False),
    Column('allowed', Boolean, nullable=False),
    Column('told_folio', RowId),                                          # id of the folio that was told; these are kept, without the key
    Index('status_inquiries_of_key', 'key', 'at'),
    Index('status_inquiries_remembered', 'at', **_only("key <> ''")),
    Index('status_inquiries_told', 'at', **_only('told_folio IS NOT NULL')),
)

# What people decided about whether a folio counts against the allowance (mission.md 7.1). The newest row of a folio is in force.
# Append-only: triggers of the database refuse every DELETE, and every UPDATE but that of the words, which an erasure makes.
count_decisions = Table(
    'count_decisions', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('folio_id', RowId, ForeignKey('folios.id'), nullable=False),
    Column('counts', Boolean, nullable=False),
    Column('reason', Text, nullable=False),
    Column('by', String(64), nullable=False),
    Column('at', UtcDateTime, nullable=False),
    Index('count_decisions_of_folio', 'folio_id'),
)

users = Table(
    'users', metadata,
    Column('client', String(64), primary_key=True),
    Column('employee_number', String(32), primary_key=True),
    Column('name', String(200), nullable=False),
    Column('email', String(254), nullable=False),
    Column('phones', JSON, nullable=False),
    Column('site', String(64), nullable=False),
    Column('vip', Boolean, nullable=False),
    Column('since', UtcDateTime, nullable=False),
    Column('changed_at', UtcDateTime, nullable=False),
    Column('left_at', UtcDateTime),                                       # no longer on the client's list
)

line_overrides = Table(
    'line_overrides', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('line', String(20), nullable=False),
    Column('state', String(10), nullable=False),
    Column('message', String(255)),
    Column('since', UtcDateTime, nullable=False),
    Column('until', UtcDateTime, nullable=False),
    Column('by', String(64), nullable=False),
    Column('put_at', UtcDateTime, nullable=False),
    Column('cancelled_at', UtcDateTime),
    Column('cancelled_by', String(64)),
    Index('line_overrides_by_end', 'until'),
)

call_notes = Table(
    'call_notes', metadata,
    Column('linkedid', String(160), primary_key=True),
    Column('line', String(20), nullable=False),
    Column('client', String(64), nullable=False),
    Column('caller_number', String(40)),
    Column('employee_number', String(32)),
    Column('identified_by', String(20), nullable=False),
    Column('rule', Text, nullable=False),
    Column('last_prompt', Text, nullable=False),
    Column('at', UtcDateTime, nullable=False),
)

# What full-text search finds folios by: the words of each, folded and stemmed by `ticketing/finding/words.py`. With SQLite the table
# `search_index` (FTS5) is kept from it by triggers, with PostgreSQL it is a tsvector with a GIN index.
search_documents = Table(
    'search_documents', metadata,
    Column('folio_id', RowId, primary_key=True, autoincrement=False),
    Column('words', Text().with_variant(TSVECTOR(), 'postgresql'), nullable=False),
)

# The folios whose words have changed: triggers of the database write it, whoever makes the change. Append-only and without a key on the
# folio, so that nobody who changes a folio ever waits for the indexer.
search_todo = Table(
    'search_todo', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('folio_id', RowId, nullable=False),
)
