"""The words of a letter: templates, an admin's own before ours, over facts that are somebody else's text."""
from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_date, format_datetime
from jinja2 import FileSystemLoader, StrictUndefined, Template, TemplateError, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from config.values import Modality, Site
from ticketing.mail.outbox import Outgoing
from ticketing.spanish import MODALITIES, PRIORITIES, STATES
from ticketing.values import TicketingError

log = logging.getLogger('mesa.letters')
TEMPLATES = Path(__file__).resolve().parent / 'templates'
PARAGRAPHS = 'paragraphs.html.j2'
SUBJECT = 'Asunto:'                                    # the first line of a text template
LONGEST_FACT = 20_000
_BIDI = re.compile('[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]')   # they turn the text around them

_OF_FOLIO = ('number', 'client_name', 'user_name', 'line', 'state', 'priority', 'category_title', 'summary', 'opened_at', 'promised',
             'zone', 'modality')
VIP_FACTS = ('users', 'vips', 'percent', 'allowed', 'ended', 'ended_users')
_OF_MOVE = ('move', 'place', 'destination', 'client_notice', 'received_on', 'earliest_on', 'wanted_on', 'changed_on', 'short', 'agreed',
            'closed_why', 'next_day', 'move_state', 'reason', 'costs', 'total', 'accepted', 'accepted_total', 'must_accept', 'cost_differs',
            'term_months', 'term_first', 'term_last')
# The notices and their facts beyond the folio's: a fact that is missing is None in the template, not an error.
NOTICES: Mapping[str, tuple[str, ...]] = {
    'opened': (),
    'assigned': ('group_title', 'agent_name'),
    'waiting': ('waiting_for', 'reason'),
    'update': ('text',),
    'resolved': ('solution', 'first_contact'),
    'reopened': ('reason',),
    'cancelled': ('reason',),
    'merged': ('into',),
    'closed': ('verified', 'score'),
    'confirm': ('close_call_id', 'deadline'),
    'handover': ('group_title', 'reason'),
    'complaint': ('text',),
    'escalation': ('step', 'used_s', 'resolve_s', 'due'),
    'problem_proposed': ('problem_id', 'title', 'numbers'),
    'problem_progress': ('problem_id', 'title', 'text'),
    'bounce': ('recipient', 'diagnostic'),
    'warning': ('text',),
    'fax': ('reference', 'caller', 'caller_name', 'pages', 'sent_pages', 'most_pages', 'damage', 'cut', 'received_at', 'held_until',
            'again', 'instead_of', 'pdf'),
    'fax_rejected': ('reference', 'caller', 'caller_name', 'pages', 'most_pages', 'received_at'),
    'vip_cap': VIP_FACTS,
    'vip_cap_contact': VIP_FACTS,
    'allowance': ('month_title', 'allowance', 'requests', 'left', 'above', 'percent', 'threshold', 'as_of', 'price', 'above_percent',
                  'whole_run', 'months_above'),
    'site_move_noticed': _OF_MOVE,
    'site_move_feasible': _OF_MOVE,
    'site_move_not_feasible': _OF_MOVE,
    'site_move_scheduled': _OF_MOVE,
    'site_move_delivered': _OF_MOVE,
    'site_move_withdrawn': _OF_MOVE,
    'site_move_cancelled': _OF_MOVE,
    'site_move_closed': _OF_MOVE,
}
SPOKEN = "EEEE d 'de' MMMM 'de' y, HH:mm 'h'"


class LetterError(TicketingError):
    """This letter cannot be written, now or later."""


@dataclass(frozen=True)
class Texts:
    """A letter's words: one line, and the same content as text and as HTML."""

    subject: str
    text: str
    html: str


def render(row: Outgoing, site: Site, link: str | None) -> Texts:
    """The words of a letter; `link` leads to the page where a closing is confirmed.

    An admin's template that fails gives way to ours, with a line in the log. Raises LetterError when ours fails, too.
    """
    if row.notice not in NOTICES:
        raise LetterError(f'there is no template {row.notice!r}')
    facts = facts_of(row, site, link)
    try:
        own = own_texts(row, site, facts)
    except Exception as error:                         # whatever an admin's template does, the letter goes
        log.warning('the mail template of %s for %s cannot be used (%s): ours is', row.notice, row.client, in_words(error))
        own = None
    try:
        return own or _texts(facts, _ours(_TEXT, row.notice, 'txt'), _ours(_HTML, row.notice, 'html'))
    except TemplateError as error:
        raise LetterError(f'template {row.notice!r}: {in_words(error)}') from error


def facts_of(row: Outgoing, site: Site, link: str | None) -> dict[str, Any]:
    """All that a template may say, cleaned: the row's facts, and None for those that it lacks."""
    facts = dict.fromkeys((*_OF_FOLIO, *NOTICES[row.notice])) | {name: _clean(value) for name, value in row.facts.items()}
    client = site.clients.get(row.client or '')
    contact = client.contact if client else None
    to_contact = contact is not None and contact.email.casefold() == row.recipient.casefold()
    modality = facts['modality']
    return facts | {
        'zone': _zone(facts['zone'], site), 'number': row.number or facts['number'], 'link': link, 'sender_name': site.mail.sender_name,
        'client_name': facts['client_name'] or (client.name if client else None), 'notice': row.notice,
        'is_open': facts['state'] in ('new', 'assigned', 'in_progress'),
        'greeted': contact.name if contact and to_contact else facts['user_name'],
        'reopen_days': client.policy_of(Modality(modality)).reopen_days if client and modality and modality in MODALITIES else None}


def own_texts(row: Outgoing, site: Site, facts: Mapping[str, Any]) -> Texts | None:
    """The words of an admin's own templates for this client and notice; None when there are none. Raises whatever they do.

    Of a text alone its HTML is made, lest the two say different things; with an HTML alone the text is ours.
    """
    text, html = (site.mail_templates.get(f'mail/{row.client}/{row.notice}.{kind}') for kind in ('txt', 'html'))
    if text is None and html is None:
        return None
    return _texts(facts, _ours(_TEXT, row.notice, 'txt') if text is None else _given(_TEXT, text),
                  None if html is None else _given(_HTML, html))


def in_words(error: Exception) -> str:
    """What is wrong with a template, and in which line of it when that is known."""
    line = getattr(error, 'lineno', None)
    return f'{type(error).__name__}: {one_line(error)}' + (f' (line {line})' if line else '')


@pass_context
def spoken(context: Context, instant: str | datetime | None) -> str:
    """An instant of the facts in the line's zone: 'martes 24 de noviembre de 2026, 10:00 h'; '' for none."""
    if not instant:
        return ''
    moment = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    return str(format_datetime(moment, SPOKEN, tzinfo=context['zone'], locale='es_MX'))


def day(iso: str | None) -> str:
    """A local day of the facts: '24 de noviembre de 2026'; '' for none, or for what is no day."""
    try:
        return str(format_date(date.fromisoformat(iso), "d 'de' MMMM 'de' y", locale='es_MX')) if iso else ''
    except ValueError:
        return ''


def duration(seconds: int | None) -> str:
    """Seconds in hours and minutes: '3 h 20 min'; '' for none."""
    if seconds is None:
        return ''
    hours, minutes = divmod(abs(int(seconds)) // 60, 60)
    return ' '.join([f'{hours} h'] * bool(hours) + [f'{minutes} min'] * bool(minutes or not hours))


def telephone(number: str | None) -> str:
    """A national number in groups: '800 555 0101'; anything else as it is."""
    digits = str(number or '')
    return f'{digits[:3]} {digits[3:6]} {digits[6:]}' if len(digits) == 10 and digits.isdigit() else digits


def one_line(text: object) -> str:
    """Text without line ends."""
    return ' '.join(str(text or '').split())


def _ours(environment: ImmutableSandboxedEnvironment, notice: str, kind: str) -> Template:
    return environment.get_template(f'{notice}.{kind}.j2')


def _texts(facts: Mapping[str, Any], text: Template, html: Template | None) -> Texts:
    """Rendered; a text without an HTML of its own is set as paragraphs, so that both say the same."""
    subject, body = _split(text.render(facts), facts)
    template = html or _HTML.get_template(PARAGRAPHS)
    paragraphs = [part for part in re.split(r'\n\s*\n', body.strip()) if part]
    return Texts(subject, body, template.render({**facts, 'subject': subject, 'paragraphs': paragraphs}))


def _split(rendered: str, facts: Mapping[str, Any]) -> tuple[str, str]:
    """The subject, which is the first line of a text template, and the rest."""
    first, _, rest = rendered.lstrip().partition('\n')
    subject, body = (first[len(SUBJECT):], rest) if first.startswith(SUBJECT) else (facts['sender_name'], rendered)
    return one_line(subject), re.sub(r'\n{3,}', '\n\n', body.strip()) + '\n'


def _clean(value: Any) -> Any:
    """A fact without what no letter may contain: control and invalid characters, marks that turn the text around, endless length."""
    if isinstance(value, str):
        kept = _BIDI.sub('', value[:LONGEST_FACT].replace('\r\n', '\n').replace('\r', '\n'))
        return ''.join(c for c in kept if c in '\n\t' or unicodedata.category(c) not in ('Cc', 'Cs'))
    if isinstance(value, Mapping):
        return {str(name): _clean(part) for name, part in value.items()}
    return [_clean(part) for part in value] if isinstance(value, list | tuple) else value


def _zone(name: Any, site: Site) -> ZoneInfo:
    try:
        return ZoneInfo(name) if name else site.zone
    except (ValueError, TypeError, OSError, ZoneInfoNotFoundError):
        return site.zone


OWN_FILTERS: Mapping[str, Callable[..., Any]] = {
    'spoken': spoken, 'day': day, 'duration': duration, 'telephone': telephone, 'one_line': one_line,
    'state_name': lambda state: STATES.get(state, state), 'priority_name': lambda level: PRIORITIES.get(level, level),
    'modality_name': lambda modality: MODALITIES.get(modality, modality)}


@lru_cache(maxsize=256)
def _given(environment: ImmutableSandboxedEnvironment, source: str) -> Template:
    return environment.from_string(source)


def _environment(autoescape: bool) -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=autoescape, trim_blocks=True, lstrip_blocks=True)
    made.filters.update(OWN_FILTERS)
    return made


_TEXT, _HTML = _environment(autoescape=False), _environment(autoescape=True)
