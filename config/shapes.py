"""What each table of a site's files may hold: names, types and ranges. A value has no default here that `config.values` has too."""
from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

STATES = Literal['AGU', 'BCN', 'BCS', 'CAM', 'CHH', 'CHP', 'CMX', 'COA', 'COL', 'DUR', 'GRO', 'GUA', 'HID', 'JAL', 'MEX', 'MIC', 'MOR',
                 'NAY', 'NLE', 'OAX', 'PUE', 'QUE', 'ROO', 'SIN', 'SLP', 'SON', 'TAB', 'TAM', 'TLA', 'VER', 'YUC', 'ZAC']
# Line breaks and other control characters would end a value in Asterisk's files.
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r'^[^\x00-\x1f\x7f]*$')]
Perhaps = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=r'^[^\x00-\x1f\x7f]*$')]    # '' means none
Url = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=r'^[^\x00-\x1f\x7f]*$')]
Key = Annotated[str, StringConstraints(pattern=r'^[0-9]$')]
Name = Annotated[str, StringConstraints(pattern=r'^[a-z0-9][a-z0-9-]{0,39}$')]
Colour = Annotated[str, StringConstraints(pattern=r'^#[0-9a-fA-F]{6}$')]
Tables = list[dict[str, Any]]


class Shape(BaseModel):
    """One table; an unknown key is an error, and nothing is converted: a number in quotes is text."""

    model_config = ConfigDict(extra='forbid', strict=True)

    def given(self) -> dict[str, Any]:
        """Only what the admin wrote, so that everything else takes the default of `config.values`."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class SiteFile(Shape):
    """site.toml"""

    site: dict[str, Any]
    trunk: Tables = []
    emergency: dict[str, Any] | None = None
    policy: dict[str, Any] = {}
    mail: dict[str, Any] = {}
    fax: dict[str, Any] = {}


class SiteShape(Shape):
    """[site]"""

    name: Text
    zone: Text
    demo: bool = False


class TrunkShape(Shape):
    """[[trunk]]"""

    name: Text
    addresses: list[Text]
    outbound: Perhaps = ''
    caller_id: Perhaps = ''


class MailShape(Shape):
    """[mail]: the fields of `config.values.MailSettings`."""

    domain: Text = ''
    sender: Text = ''
    sender_name: Text = ''
    smtp: Perhaps = ''
    smtp_security: Literal['none', 'starttls', 'tls'] = 'none'
    smtp_user: Perhaps = ''
    imap: Perhaps = ''
    imap_security: Literal['none', 'starttls', 'tls'] = 'tls'
    imap_user: Perhaps = ''
    imap_folder: Text = ''
    page_url: Perhaps = ''


class FaxShape(Shape):
    """[fax]: the fields of `config.values.FaxSettings`."""

    modems: Annotated[int, Field(ge=0, le=16)] = 0
    detect: bool = False
    price_per_minute: Annotated[str, StringConstraints(pattern=r'^\d{1,5}(\.\d{1,4})?$')] = ''


class EmergencyShape(Shape):
    """[emergency]"""

    numbers: list[Text] = []
    address: str = ''


class PolicyShape(Shape):
    """[policy], of the site or of one client: the fields of `config.values.Policy`."""

    employee_number_tries: Annotated[int, Field(ge=1, le=9)] = 0
    status_tries: Annotated[int, Field(ge=1, le=9)] = 0
    status_numbers_per_hour: Annotated[int, Field(ge=1, le=10_000)] = 0
    vip_percent: Annotated[int, Field(ge=0, le=100)] = 0
    vip_overtakes_minutes: Annotated[float, Field(ge=0, le=120)] = 0
    unflagged_on_vip_line: Literal['normal'] = 'normal'
    unlisted: Literal['serve', 'verify'] = 'serve'
    hours_by: Literal['line', 'site'] = 'line'
    queue_wait_minutes: Annotated[float, Field(gt=0, le=240)] = 0
    spoken_description: bool = True
    message_seconds: Annotated[int, Field(ge=10, le=900)] = 0
    answer_percent: Annotated[int, Field(ge=1, le=100)] = 0
    answer_seconds: Annotated[int, Field(ge=1, le=600)] = 0
    respond_high_minutes: Annotated[int, Field(ge=1, le=10_000)] = 0
    respond_medium_minutes: Annotated[int, Field(ge=1, le=10_000)] = 0
    respond_low_minutes: Annotated[int, Field(ge=1, le=10_000)] = 0
    resolve_high_hours: Annotated[int, Field(ge=1, le=1000)] = 0
    resolve_medium_hours: Annotated[int, Field(ge=1, le=1000)] = 0
    resolve_low_hours: Annotated[int, Field(ge=1, le=1000)] = 0
    notify_outside_hours: bool = False
    escalate_outside_hours: bool = False
    verify_with: Literal['user', 'contact', 'both'] = 'user'
    close_call_attempts: Annotated[int, Field(ge=0, le=20)] = 0
    close_call_spacing_hours: Annotated[int, Field(ge=1, le=100)] = 0
    close_calls_per_hour: Annotated[int, Field(ge=1, le=10_000)] = 0
    close_calls_per_user_hour: Annotated[int, Field(ge=1, le=100)] = 0
    close_unverified_days: Annotated[int, Field(ge=1, le=60)] = 0
    reopen_days: Annotated[int, Field(ge=0, le=365)] = 0
    callback: bool = True
    callback_attempts: Annotated[int, Field(ge=1, le=20)] = 0
    callback_spacing_minutes: Annotated[int, Field(ge=1, le=1440)] = 0
    recording: bool = False
    recording_days: Annotated[int, Field(ge=1, le=3650)] = 0
    attachment_days: Annotated[int, Field(ge=1, le=3650)] = 0
    personal_days: Annotated[int, Field(ge=0, le=36_500)] = 0
    attachment_megabytes: Annotated[int, Field(ge=1, le=100)] = 0
    fax_pages: Annotated[int, Field(ge=1, le=200)] = 0
    fax_too_long: Literal['truncate', 'reject'] = 'truncate'
    fax_release: Literal['next_opening', 'next_business_day'] = 'next_opening'
    fax_days: Annotated[int, Field(ge=1, le=3650)] = 0
    problem_folios: Annotated[int, Field(ge=2, le=1000)] = 0
    problem_minutes: Annotated[int, Field(ge=1, le=10_080)] = 0


class CalendarShape(Shape):
    """[NAME] in calendars.toml; a day that is not named is closed."""

    zone: Text
    state: STATES
    holidays: bool = True
    monday: list[Text] = []
    tuesday: list[Text] = []
    wednesday: list[Text] = []
    thursday: list[Text] = []
    friday: list[Text] = []
    saturday: list[Text] = []
    sunday: list[Text] = []


class HolidaysFile(Shape):
    """holidays.toml"""

    confirmed_until: date | None = None
    confirmed_by: Text = ''
    day: Tables = []


class DayShape(Shape):
    """[[day]] in holidays.toml"""

    day: date
    name: Text
    state: STATES | None = None
    calendar: Text | None = None
    confirmed: bool = True
    election: bool = False


class OverridesFile(Shape):
    """overrides.toml"""

    override: Tables = []


class OverrideShape(Shape):
    """[[override]]; a time without a zone is the line's local time."""

    line: Text
    state: Literal['closed', 'open', 'message']
    until: datetime
    since: datetime | None = None
    message: Text | None = None
    by: Text = ''


class MenuShape(Shape):
    """[NAME] in menus.toml"""

    greeting: Text
    choice: Tables
    tries: Annotated[int, Field(ge=1, le=9)] = 0
    patience_s: Annotated[float, Field(ge=1, le=30)] = 0
    fallback: Text = ''


class ChoiceShape(Shape):
    """[[NAME.choice]] in menus.toml"""

    key: Key
    goto: Text
    prompt: Text


class QueueShape(Shape):
    """[NAME] in queues.toml"""

    client: Text
    weight: Annotated[int, Field(ge=0, le=1000)] = 0
    ring_seconds: Annotated[int, Field(ge=5, le=120)] = 0
    wrapup_seconds: Annotated[int, Field(ge=0, le=600)] = 0
    strategy: Literal['ringall', 'leastrecent', 'fewestcalls', 'random', 'rrmemory', 'rrordered', 'linear', 'wrandom'] = 'rrmemory'
    music: Text = ''


class AgentShape(Shape):
    """[LOGIN] in agents.toml"""

    name: Text
    extension: Text
    queues: list[Text] = []
    email: Perhaps = ''
    supervisor: bool = False


class PromptsFile(Shape):
    """prompts.toml"""

    texts: dict[str, Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]] = {}


class LetterheadFile(Shape):
    """letterhead.toml: the fields of `config.values.Letterhead`."""

    name: Text = ''
    address: Annotated[list[Text], Field(max_length=6)] = []
    tax_id: Perhaps = ''
    phone: Perhaps = ''
    email: Perhaps = ''
    web: Perhaps = ''
    primary: Colour = ''
    accent: Colour = ''


class ClientFile(Shape):
    """clients/KEY.toml"""

    name: Text
    modalities: list[Literal['standard', 'premium', 'vip', 'fax']]
    trunk_numbers: list[Text] = []
    vip_queue: Text | None = None
    privacy_notice: Text = ''
    resale_authorised_until: date | None = None
    site_calendars: dict[str, Text] = {}
    policy: dict[str, Any] = {}
    mail_address: Perhaps = ''
    mail_domains: list[Text] = []
    mail_line: Text | None = None
    notes: list[Text] = []
    contact: dict[str, Any] | None = None
    line: Tables = []
    category: Tables = []
    group: Tables = []
    application: Tables = []
    escalation: Tables = []
    modality_policy: dict[str, Any] = {}
    contract: dict[str, Any] | None = None
    terms: Tables = []
    waiver: Tables = []
    webhook: Tables = []
    screen_pop: dict[str, Any] | None = None


class LineShape(Shape):
    """[[line]] of a client"""

    number: Text
    modality: Literal['standard', 'premium', 'vip', 'fax']
    calendar: Text
    queue: Text | None = None
    menu: Text | None = None
    greeting: str = ''
    email: Perhaps = ''
    email_second: Perhaps = ''


class CategoryShape(Shape):
    """[[category]] of a client"""

    key: Key
    name: Annotated[str, StringConstraints(pattern=r'^[a-z0-9-]{1,40}$')]
    title: Text
    prompt: Text


class WebhookShape(Shape):
    """[[webhook]] of a client"""

    name: Name
    url: Url
    events: list[Text]
    loopback: bool = False


class ScreenPopShape(Shape):
    """[screen_pop] of a client"""

    url: Url


class ContactShape(Shape):
    """[contact] of a client"""

    name: Text
    email: Text
    phone: Text | None = None


class GroupShape(Shape):
    """[[group]] of a client: who resolves what first level cannot (mission.md 4.4)"""

    key: Name
    title: Text
    internal: bool
    email: Text
    phone: Text | None = None
    agents: list[Text] = []


class CatalogueShape(Shape):
    """[KEY] in applications.toml: the standard catalogue (mission.md 1.2)"""

    title: Text
    versions: Annotated[list[Text], Field(min_length=1)]
    active: bool = True


class ApplicationShape(CatalogueShape):
    """[[application]] of a client: one of its own, under premium (mission.md 1.2)"""

    key: Name
    material: list[Text] = []


class EscalationShape(Shape):
    """[[escalation]] of a client: one rung of its ladder (mission.md 4.5)"""

    percent: Annotated[int, Field(ge=1, le=100)] | None = None
    after_hours: Annotated[int, Field(ge=1, le=1000)] | None = None
    after_minutes: Annotated[int, Field(ge=1, le=60_000)] | None = None
    notify: Annotated[list[Text], Field(min_length=1)]
