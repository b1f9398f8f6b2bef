"""What a report gains before it is stored: the terms of its contract, and the letter that tells the user (mission.md 4.5, 4.6). Pure."""
from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from config.values import Line, Site, User
from ticketing.levels.clock import read_clock
from ticketing.levels.terms import terms_of
from ticketing.mail.message_ids import new_message_id
from ticketing.notices import due_of, folio_facts, policy_for, release
from ticketing.opening import Receipt
from ticketing.values import Folio, Report, State

OPENED_BY = 'opened by '                               # begins the rule of what a person of ours opened


def with_terms(report: Report, site: Site, now: datetime) -> Report:
    """The report with its due times, by the contract of its line and its priority; unchanged when the site has that line no more."""
    terms = terms_of(site, report.line, report.site, report.priority, now)
    if terms is None:
        return report
    clock = read_clock(now, report.clock_starts, None, (), terms, (), now)
    return replace(report, promised=clock.resolve_due, respond_due=clock.respond_due, next_look=clock.next_look)


def receipt_of(report: Report, site: Site, now: datetime) -> Receipt | None:
    """The letter to the user about a folio that is opened now with these facts (its terms included); None when he has no known address."""
    if not report.user_email:
        return None
    unborn = Folio('', report, State.NEW, now)
    return Receipt(
        recipient=report.user_email, message_id=new_message_id(site), due=due_of(site, unborn, now), facts=folio_facts(unborn, site),
        held=not policy_for(site, unborn).notify_outside_hours)


def person_report(site: Site, line: Line, user: User | None, email: str | None, by: str, now: datetime) -> Report:
    """What is known of a folio that a person of ours opens for somebody; its clock starts now, or at the next opening.

    Who is not on the client's list is served and marked unlisted (mission.md 1.5).
    """
    return Report(
        line=line.number, client=line.client, modality=line.modality.value, rule=OPENED_BY + by, origin='person',
        clock_starts=release(site, line.number, user.site if user else None, False, now), unlisted=user is None,
        employee_number=user.employee_number if user else None, user_name=user.name if user else None, site=user.site if user else None,
        user_email=email or (user.email or None if user else None), identified_by='person' if user else 'unknown')
