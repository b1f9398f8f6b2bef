"""What the other values are made of: where something was written, what was contracted, and with which parameters."""
from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, order=True)
class Where:
    """The place in the site's files where a value stands: file (relative to the site), line (1-based), key."""

    file: str
    line: int
    key: str

    def __str__(self) -> str:
        return f'{self.file}:{self.line}: {self.key}'


class Modality(StrEnum):
    """What a line was contracted for (mission.md 1.1)."""

    STANDARD = 'standard'
    PREMIUM = 'premium'
    VIP = 'vip'
    FAX = 'fax'


@dataclass(frozen=True)
class Policy:
    """Contract parameters with the defaults of mission.md chapter 9."""

    employee_number_tries: int = 3
    status_tries: int = 3
    status_numbers_per_hour: int = 20
    vip_percent: int = 5
    vip_overtakes_minutes: float = 10
    unflagged_on_vip_line: str = 'normal'             # 'normal': told his own number, queued at normal priority
    unlisted: str = 'serve'                           # 'serve' | 'verify' (an agent verifies) (mission.md 1.5)
    hours_by: str = 'line'                            # 'line' | 'site' (mission.md 2.3)
    queue_wait_minutes: float = 30
    spoken_description: bool = True
    message_seconds: int = 180
    answer_percent: int = 80
    answer_seconds: int = 20
    respond_high_minutes: int = 15                    # of open time, as are the next five
    respond_medium_minutes: int = 60
    respond_low_minutes: int = 240
    resolve_high_hours: int = 4
    resolve_medium_hours: int = 10
    resolve_low_hours: int = 24
    notify_outside_hours: bool = False                # e-mail to users (mission.md 4.6)
    escalate_outside_hours: bool = False              # e-mail of the escalation ladder (mission.md 4.5)
    verify_with: str = 'user'                         # 'user' | 'contact' | 'both' (mission.md 4.7)
    close_call_attempts: int = 3
    close_call_spacing_hours: int = 2                 # open hours between two attempts
    close_calls_per_hour: int = 60                    # to all of the client's users together
    close_calls_per_user_hour: int = 2
    close_unverified_days: int = 3                    # business days after the e-mail
    reopen_days: int = 30                             # calendar days in which closed-unverified may be reopened
    callback: bool = True                             # a waiting caller may ask to be called back (mission.md 3.6)
    callback_attempts: int = 3
    callback_spacing_minutes: int = 10
    recording: bool = False                           # of conversations (mission.md 3.8)
    recording_days: int = 90
    attachment_days: int = 730
    personal_days: int = 0                            # what identifies a user goes so long after the closing; 0: never by itself
    attachment_megabytes: int = 10                    # the largest attachment that is kept
    fax_pages: int = 5                                # of one fax that are delivered (mission.md 5.2)
    fax_too_long: str = 'truncate'                    # 'truncate' | 'reject' (the sender is refused)
    fax_release: str = 'next_opening'                 # 'next_opening' | 'next_business_day' (mission.md 5.3)
    fax_days: int = 30                                # a fax is kept so long after its delivery (mission.md 5.4)
    problem_folios: int = 5                           # so many similar folios propose a problem (mission.md 4.9) ...
    problem_minutes: int = 30                         # ... when they were opened within this time
