"""The tables of the journal and of the call log.

The journal keeps Asterisk's own lines; everything else here can be made again from it, except the two columns of
`call_duties` that say what has been done.
"""
from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, String, Table, Text

from storage.tables import metadata
from storage.types import RowId, UtcDateTime

journal = Table(
    'journal', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('key', String(80), nullable=False, unique=True),        # the event's own identity: a line read twice is one row
    Column('source', String(8), nullable=False),                   # 'cel' | 'queue' | 'mesa'
    Column('linkedid', String(160), nullable=False),               # '' for lines that belong to no call
    Column('at_us', BigInteger, nullable=False),                   # microseconds since 1970, UTC
    Column('line', Text, nullable=False),                          # as Asterisk wrote it, without the newline
    Index('journal_by_linkedid', 'linkedid'),
)

journal_positions = Table(
    'journal_positions', metadata,
    Column('source', String(8), primary_key=True),
    Column('device', BigInteger, primary_key=True, autoincrement=False),
    Column('inode', BigInteger, primary_key=True, autoincrement=False),
    Column('head', String(64), nullable=False),                    # digest of the first line: an inode is used again, a file is copied
    Column('offset', BigInteger, nullable=False),                  # bytes already in the journal
    Column('tail', String(64), nullable=False),                    # digest of the bytes just before the offset
    Column('repeats', Text, nullable=False),                       # JSON: how often each line of the last instant has come
    Column('name', String(255), nullable=False),                   # the file's name when it was last read
    Column('read_at', UtcDateTime, nullable=False),
)

journal_rejects = Table(
    'journal_rejects', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('key', String(80), nullable=False, unique=True),
    Column('source', String(8), nullable=False),
    Column('line', Text, nullable=False),                          # cut short, unprintable bytes escaped
    Column('reason', String(200), nullable=False),
    Column('seen_at', UtcDateTime, nullable=False),
)

fold_marks = Table(
    'fold_marks', metadata,
    Column('name', String(16), primary_key=True),                  # 'calls'
    Column('journal_id', BigInteger, nullable=False),              # rows of the journal up to here are in the call log
)

calls = Table(
    'calls', metadata,
    Column('linkedid', String(160), primary_key=True),
    Column('direction', String(8), nullable=False),                # 'in' | 'out'
    Column('started', UtcDateTime, nullable=False),
    Column('answered', UtcDateTime),                               # by us: an answering machine counts, an agent is not needed
    Column('ended', UtcDateTime),                                  # NULL: in progress
    Column('line', String(32)),                                    # the contracted number called, E.164
    Column('dialled', String(80)),                                 # what the calling channel dialled, as it came
    Column('ani', String(40)),
    Column('path', String(24)),                                    # 'mesa' | 'fallback-open' | ...; NULL: hung up before either
    Column('why', String(200)),                                    # of a fallback
    Column('destination', String(16)),                             # where Mesa sent the call: 'queue' | 'fax' | 'hangup'
    Column('queue', String(80)),
    Column('priority', Integer),
    Column('promoted', String(80)),                                # the VIP queue that a long wait led to
    Column('joined', UtcDateTime),
    Column('left_queue', UtcDateTime),
    Column('wait_s', Float),
    Column('agent', String(80)),                                   # login
    Column('agent_answered', UtcDateTime),
    Column('talk_s', Float),
    Column('message', Text),                                       # file of the voice message
    Column('recorded', Boolean, nullable=False),                   # the conversation, with the caller's leave
    Column('folio', String(20)),
    Column('disposition', String(24)),                             # NULL: in progress
    Index('calls_by_started', 'started'),
    Index('calls_by_folio', 'folio'),
)

call_legs = Table(
    'call_legs', metadata,
    Column('linkedid', String(160), ForeignKey('calls.linkedid'), primary_key=True),
    Column('position', Integer, primary_key=True),                 # in order of start, from 0
    Column('uniqueid', String(160), nullable=False),
    Column('channel', String(160), nullable=False),
    Column('peer', String(160), nullable=False),                   # the other channel, '' when there was none
    Column('application', String(80), nullable=False),             # last application of the channel
    Column('started', UtcDateTime, nullable=False),
    Column('answered', UtcDateTime),
    Column('ended', UtcDateTime),
    Column('duration_s', Integer),                                 # whole seconds, as Asterisk's CDR counts them
    Column('billsec_s', Integer),
    Column('disposition', String(16)),                             # 'ANSWERED' | 'NO ANSWER' | 'BUSY' | 'FAILED' | 'CONGESTION'
    Column('dialled', String(40)),                                 # the number that a trunk was asked for
    Column('taken', UtcDateTime),                                  # when the peer answered, where `answered` is another's
)

# Calls that left over a trunk and are over, to be rated again: whoever rates deletes the row if `times` is as he read it (mission.md 7.3).
calls_to_rate = Table(
    'calls_to_rate', metadata,
    Column('linkedid', String(160), primary_key=True),
    Column('times', Integer, nullable=False),                      # that it was stored since
)

call_duties = Table(
    'call_duties', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('linkedid', String(160), nullable=False),
    Column('duty', String(24), nullable=False),                    # see ami_listener/call_log.py
    Column('created', UtcDateTime, nullable=False),
    Column('tries', Integer, nullable=False),
    Column('error', String(400)),                                  # of the last try
    Column('done', UtcDateTime),
    Index('call_duties_once', 'linkedid', 'duty', unique=True),
    Index('call_duties_open', 'done'),
)

# What each agent has chosen; nobody's row: Asterisk's members stay as its file says (mission.md 6.1).
agent_presence = Table(
    'agent_presence', metadata,
    Column('login', String(80), primary_key=True),
    Column('phone', String(16), nullable=False),                   # 'desk' | 'browser'
    Column('state', String(16), nullable=False),                   # 'ready' | 'paused' | 'wrap_up' | 'away'
    Column('reason', String(24), nullable=False),                  # of a pause; '' otherwise
    Column('note', String(200), nullable=False),                   # in his own words
    Column('since', UtcDateTime, nullable=False),
    Column('until', UtcDateTime),                                  # of a wrap-up that ends by itself
    Column('linkedid', String(160)),                               # the call that is wrapped up
)

queue_moves = Table(
    'queue_moves', metadata,
    Column('queue', String(80), primary_key=True),
    Column('login', String(80), primary_key=True),
    Column('member', Boolean, nullable=False),                     # a supervisor put him in, or took him out, whatever the site says
    Column('by', String(80), nullable=False),
    Column('at', UtcDateTime, nullable=False),
)

presence_history = Table(
    'presence_history', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('login', String(80), nullable=False),
    Column('at', UtcDateTime, nullable=False),
    Column('what', String(16), nullable=False),                    # a state, 'phone', 'joins' or 'leaves'
    Column('detail', String(80), nullable=False),                  # the reason, the telephone, the queue
    Column('note', String(200), nullable=False),
    Column('by', String(80), nullable=False),
    Index('presence_history_of_agent', 'login', 'at'),
    Index('presence_history_by_time', 'at'),
)
