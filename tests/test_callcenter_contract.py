"""Terms that change by date, in processes that run on: what is served, what Asterisk and HylaFAX read, who hears of too many VIPs, and
`mesa contract` (mission.md 1.3, chapter 7)."""
from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select
from twisted.internet.defer import ensureDeferred, maybeDeferred

from agi.office import Standing
from callcenter.applied import applied_files, applied_number
from callcenter.apply import apply_edited, apply_today, undo
from callcenter.clock import set_clock
from callcenter.commands.doctor import site as looked_at
from callcenter.console import Complaint
from callcenter.day_change import AGAIN_S, DayChange, rendered_for_another_day
from callcenter.drafts import draft
from callcenter.fax_parts import FaxParts
from callcenter.history import history
from callcenter.instance import Instance
from callcenter.standing import SiteInForce
from callcenter.watching import watch_vips
from config.hylafax import refusing_lines
from config.load import load
from config.render import render
from config.terms import Contract, Terms, Waiver
from config.values import Modality, Policy, Site, User
from contracts.vips import VipWatch
from ivr_flows.decide import decide
from storage.engine import Database
from tests.site_copies import EXAMPLE, edit
from tests.small_site import a_site, at, open_folio, rows
from tests.test_callcenter_commands import Mesa, before, mesa
from ticketing.levels.timing import recompute_open
from ticketing.mail.letters import letter
from ticketing.mail.outbox import Outbox
from ticketing.tables import folios, outbox

__all__ = ['before', 'mesa']
NOPALERA, USERS = 'clients/nopalera.toml', 'clients/nopalera.users.csv'
NUMBER = '+528005550101'
CHANGE = 'allowance = 340'
EVE, NEW_YEAR = '2026-12-31 23:59:59', '2027-01-01 00:00:00'


@pytest.fixture
def instance(tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    """An instance whose standard terms change at New Year of 2027: another longest wait, and another word about strangers."""
    monkeypatch.setenv('MESA_FREE_PORTS', '1')
    monkeypatch.delenv('MESA_DATABASE', raising=False)
    made = Instance.create(tmp_path)
    shutil.copy(migrated_file, tmp_path / 'mesa.db')
    edit(made.place.edited_site, NOPALERA, 'since = 2026-07-01 ', 'since = 2027-01-01 ')
    edit(made.place.edited_site, NOPALERA, 'monthly_fee = "52500.00"', 'monthly_fee = "52500.00"\n[terms.policy]\n'
         'queue_wait_minutes = 7\nunlisted = "verify"')
    clock(made, EVE)
    apply_edited(made)
    return made


def clock(instance: Instance, local: str) -> None:
    set_clock(instance.root, True, at(local))


def waits(instance: Instance) -> bool:
    """Whether Asterisk's dialplan knows the wait of the new terms: seven minutes."""
    return 'mesa-wait,s,1(0${MESA_PRIORITY},${IF($[0${MESA_PRIORITY}>0]?420:420)}' in applied_files(instance.place)['extensions.conf']


# -- what is served ------------------------------------------------------------------------------------------------------

def wait_of(standing: Standing) -> float:
    """The longest wait of nopalera's standard callers."""
    return standing.site.clients['nopalera'].policy_of(Modality.STANDARD).queue_wait_minutes


def test_terms_change_at_midnight_without_an_apply_and_without_a_restart(instance: Instance) -> None:
    serving = SiteInForce(instance.place)
    stranger = serving().caller(serving().site.lines[NUMBER], '5599990000')
    noon = at('2026-12-30 12:00')                      # a Wednesday; the engine follows the site that it is given

    def rule() -> str:
        return decide(serving().site, stranger, (), noon).rule
    assert (wait_of(serving()), 'verif' in rule()) == (30, False)
    clock(instance, NEW_YEAR)
    assert (wait_of(serving()), 'verif' in rule()) == (7, True)
    clock(instance, EVE)
    assert wait_of(serving()) == 30, "a demo's clock may go back"
    assert serving.generation == '1'


def test_a_site_is_made_once_a_day(instance: Instance) -> None:
    serving = SiteInForce(instance.place)
    eve = serving()
    assert serving() is eve and serving().site is eve.site
    clock(instance, '2026-12-31 00:00:00')
    assert serving() is eve
    clock(instance, '2027-01-01 00:00:00')
    assert serving() is not eve and serving().directory is eve.directory


def test_the_day_is_that_of_the_site_s_zone(instance: Instance) -> None:
    serving = SiteInForce(instance.place)
    set_clock(instance.root, True, datetime(2027, 1, 1, 5, 59, tzinfo=UTC))
    assert wait_of(serving()) == 30
    set_clock(instance.root, True, datetime(2027, 1, 1, 6, 0, tzinfo=UTC))
    assert wait_of(serving()) == 7


def test_an_apply_is_noticed_on_any_day(instance: Instance) -> None:
    serving = SiteInForce(instance.place)
    clock(instance, NEW_YEAR)
    edit(instance.place.edited_site, NOPALERA, 'queue_wait_minutes = 7', 'queue_wait_minutes = 8')
    apply_edited(instance)
    assert wait_of(serving()) == 7
    assert serving.refresh() and wait_of(serving()) == 8


def test_commands_ask_by_today_and_simulate_by_the_time_that_it_is_told(instance: Instance, before: Mesa) -> None:
    assert wait_of(SimpleNamespace(site=instance.site())) == 30                          # type: ignore[arg-type]
    clock(instance, NEW_YEAR)
    assert wait_of(SimpleNamespace(site=instance.site())) == 7                           # type: ignore[arg-type]
    here = Mesa(instance.root, before._monkeypatch, before._capfd)
    told = [here('simulate', NUMBER, '--from', '5599990000', '--at', when, '--json').json['rule'] for when in (
        '2026-12-30 12:00', '2027-01-05 12:00')]
    assert ['verif' in rule for rule in told] == [False, True]


def test_a_folio_keeps_what_was_promised_on_the_day_when_it_was_opened(db: Database) -> None:
    terms = Terms(Modality.STANDARD, at('2026-11-25 12:00').date(), policy=Policy(resolve_medium_hours=1))
    site = a_site(contract=Contract(terms=(terms,)))
    first, second = at('2026-11-24 19:00'), at('2026-11-25 08:00')
    open_folio(db, first, site)
    open_folio(db, second, site)
    promised = [at('2026-11-25 17:00'), at('2026-11-25 09:00')]
    assert [row.promised for row in rows(db, folios, 'promised')] == promised
    for day in (first, second):
        assert recompute_open(db, site.on(day.date()), second) == 0, 'a midnight moves no promise'


# -- what Asterisk and HylaFAX read -----------------------------------------------------------------------------------

def test_files_of_asterisk_follow_the_day(instance: Instance) -> None:
    duty = DayChange(instance, SiteInForce(instance.place))
    assert not duty.round() and not waits(instance)
    clock(instance, NEW_YEAR)
    assert duty.round() and waits(instance)
    assert (applied_number(instance.place), history(instance.place)) == (2, (2,)), 'it takes the place of the day before'
    assert not duty.round()
    clock(instance, EVE)
    assert duty.round() and not waits(instance)


def test_history_is_what_people_applied(instance: Instance) -> None:
    edit(instance.place.edited_site, 'site.toml', 'name = "Mesa de demostración"', 'name = "Segunda"')
    apply_edited(instance)
    clock(instance, NEW_YEAR)
    assert apply_today(instance) is not None
    assert history(instance.place) == (1, 3)
    assert undo(instance).site_of == 1
    assert waits(instance), 'what an undo puts in force is that of today, too'
    assert instance.site().name == 'Mesa de demostración'


def test_nobody_applies_what_an_admin_only_edited(instance: Instance) -> None:
    edit(instance.place.edited_site, 'site.toml', 'name = "Mesa de demostración"', 'name = "Editada"')
    clock(instance, NEW_YEAR)
    assert apply_today(instance) is not None
    assert instance.site().name == 'Mesa de demostración'


def test_files_that_differ_for_another_reason_wait_for_the_next_start(instance: Instance) -> None:
    clock(instance, NEW_YEAR)
    file = instance.place.applied / '1' / 'asterisk' / 'extensions.conf'
    file.write_text(file.read_text() + '; of an older Mesa\n')
    assert not rendered_for_another_day(instance) and apply_today(instance) is None


def test_an_apply_of_unchanged_files_brings_what_the_day_brings(instance: Instance) -> None:
    clock(instance, NEW_YEAR)
    done, _ = apply_edited(instance)
    assert done.changed and waits(instance)


def test_what_fails_is_tried_again_in_an_hour_and_health_says_so(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds, tries = [0.0], []

    def refused(_: Instance) -> None:
        tries.append(seconds[0])
        raise Complaint('no')
    duty = DayChange(instance, SiteInForce(instance.place), lambda: seconds[0])
    clock(instance, NEW_YEAR)
    with monkeypatch.context() as broken:
        broken.setattr('callcenter.apply.apply_today', refused)
        for passed in (0.0, 10.0, AGAIN_S):
            seconds[0] = passed
            with suppress(Complaint):
                duty.round()
    assert tries == [0.0, AGAIN_S]
    assert [finding.text for finding in looked_at(instance) if 'terms' in finding.text] == [
        "Asterisk's files are those of terms that have ended: mesa config apply"]
    seconds[0] += AGAIN_S
    assert duty.round()
    assert not [finding for finding in looked_at(instance) if 'terms' in finding.text]


def test_the_service_level_of_a_queue_is_that_of_its_modality(instance: Instance) -> None:
    site = load(EXAMPLE)
    client = site.clients['nopalera']
    premium = replace(client, modality_policies={Modality.PREMIUM: replace(client.policy, answer_seconds=10)})
    files = render(replace(site, clients=site.clients | {'nopalera': premium}), instance.place, instance.secrets(site))
    parts = {part.partition(']')[0]: part for part in files['queues.conf'].split('\n[')}
    assert 'servicelevel = 10\n' in parts['nopalera-premium'] and 'servicelevel = 20\n' in parts['nopalera-standard']


def of_faxes(site: Site) -> Site:
    """From New Year on, long faxes are refused."""
    client = site.clients['nopalera']
    terms = Terms(Modality.FAX, at(NEW_YEAR).date(), policy=replace(client.policy, fax_too_long='reject', fax_pages=3))
    return replace(site, clients=site.clients | {'nopalera': replace(client, contract=Contract(terms=(terms,)))})


def test_hylafax_refuses_what_the_terms_of_the_day_refuse() -> None:
    site = of_faxes(load(EXAMPLE))
    before_it, after = (refusing_lines(site.on(date.fromisoformat(when[:10]))) for when in (EVE, NEW_YEAR))
    assert '8005550105' not in before_it and '8005550105' in after


def test_the_fax_server_lays_its_files_out_anew_when_a_day_begins(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    laid_out: list[str] = []
    parts = FaxParts(SimpleNamespace(callLater=lambda *_: None), instance, lambda: None, laid_out.append)
    monkeypatch.setattr('callcenter.fax_parts.deferToThread', lambda work: maybeDeferred(work))
    monkeypatch.setattr('callcenter.fax_parts.lay_out', lambda place, site, secrets: laid_out.append(
        f'{wait_of(SimpleNamespace(site=site)):g}'))             # type: ignore[arg-type]
    monkeypatch.setattr('callcenter.fax_parts.lacking', lambda: '')
    monkeypatch.setattr('callcenter.fax_parts.parts', lambda *_: ())
    for when in (EVE, EVE, NEW_YEAR, NEW_YEAR):
        clock(instance, when)
        ensureDeferred(parts._follow())
    assert laid_out == ['30', '7']


# -- too many VIPs -----------------------------------------------------------------------------------------------------

NOW = at('2026-11-24 10:00')


def crowded(users: int = 40, vips: int = 3, **contract: Any) -> Site:
    """A site whose one client has so many users, the first of them VIP; 5 % of forty are two."""
    listed = tuple(User('quetzal', str(number), 'Ana', '', (), '', vip=number < vips) for number in range(users))
    return a_site(users=listed, contract=Contract(**contract))


def told(db: Database) -> list[tuple[str, str]]:
    with db.read() as connection:
        return [(row.recipient.partition('@')[0], row.notice) for row in connection.execute(
            select(outbox.c.recipient, outbox.c.notice).order_by(outbox.c.id))]


def watch(db: Database, site: Site, now: datetime = NOW) -> int:
    return VipWatch(db, lambda: site).round(now)


def test_supervisors_and_contact_hear_once_of_each_situation(db: Database) -> None:
    assert (watch(db, crowded()), watch(db, crowded())) == (3, 0)
    assert sorted(told(db)) == [('eva', 'vip_cap'), ('rita', 'vip_cap_contact'), ('sol', 'vip_cap')]
    assert (watch(db, crowded(users=39)), watch(db, crowded(users=39)), watch(db, crowded())) == (3, 0, 0)


def test_who_keeps_the_cap_is_not_written_to(db: Database) -> None:
    assert watch(db, crowded(vips=2)) == 0
    assert watch(db, crowded(vips=3, waivers=(Waiver(3, NOW.date(), NOW.date(), 'x', 'y'),))) == 0
    assert told(db) == []


def test_the_end_of_a_waiver_is_noticed_at_midnight_and_said(db: Database) -> None:
    site = crowded(waivers=(Waiver(3, NOW.date(), NOW.date(), 'relevo', 'Rita'),))
    assert watch(db, site, at('2026-11-24 23:59:59')) == 0
    assert watch(db, site, at('2026-11-25 00:00')) == 3
    row = Outbox(db).list()[0]
    assert (row.facts['ended'], row.facts['ended_users'], row.facts['allowed']) == ('2026-11-24', 3, 2)


def test_the_letters_wait_for_the_next_opening(db: Database) -> None:
    watch(db, crowded(), at('2026-11-24 23:00'))
    assert {row.due for row in Outbox(db).list()} == {at('2026-11-25 08:00')}


def words(db: Database, site: Site, recipient: str) -> tuple[str, str]:
    row = next(row for row in Outbox(db).list() if row.recipient == recipient)
    message = letter(row, site, 'k', 'https://mesa.example', NOW)
    body = message.get_body(('plain',))
    return str(message['Subject']), body.get_content() if body else ''


def test_what_the_letters_say(db: Database) -> None:
    site = crowded(waivers=(Waiver(3, at('2026-11-01').date(), at('2026-11-23').date(), 'relevo', 'Rita'),))
    watch(db, site)
    subject, text = words(db, site, 'eva@mesa.example')
    assert subject == 'Hay más usuarios VIP de los permitidos: Seguros Quetzal'
    assert 'Seguros Quetzal tiene 3 usuarios VIP de un total de 40 usuarios. El contrato permite 2 (5 %).' in text
    assert 'La autorización para tener 3 usuarios VIP terminó el 23 de noviembre de 2026.' in text
    subject, text = words(db, site, 'rita@quetzal.example')
    assert subject == 'Usuarios VIP de Seguros Quetzal' and text.startswith('Apreciable Rita Luna:')
    assert 'su contrato permite 2 (5 %). La autorización para tener 3 usuarios VIP terminó el 23 de noviembre de 2026.' in text


def test_without_a_waiver_no_letter_speaks_of_one(db: Database) -> None:
    old = Waiver(2, at('2026-11-01').date(), at('2026-11-02').date(), 'x', 'y')      # it never covered three
    for site in (crowded(), crowded(users=39, waivers=(old,))):
        watch(db, site)
    for recipient in ('eva@mesa.example', 'rita@quetzal.example'):
        assert 'autorización para tener' not in words(db, site, recipient)[1]


def test_the_duty_looks_by_the_site_in_force(db: Database) -> None:
    serving = SimpleNamespace(db=db, standing=lambda: SimpleNamespace(site=crowded()), clock=SimpleNamespace(now=lambda: NOW))
    assert watch_vips(serving)() == 3


def drop_last_user(instance: Instance) -> None:
    file = instance.place.edited_site / USERS
    file.write_text('\n'.join(file.read_text(encoding='utf-8').splitlines()[:-1]) + '\n', encoding='utf-8')


def test_an_apply_with_fewer_users_is_warned_of_and_told(instance: Instance) -> None:
    drop_last_user(instance)
    done, new = apply_edited(instance)
    assert done.changed
    assert ['10 of 199 users' in problem.message for problem in new.warnings if problem.where.key == 'vip'] == [True]
    database = Database(instance.database_url)
    try:
        assert {notice for _, notice in told(database)} == {'vip_cap', 'vip_cap_contact'}
    finally:
        database.close()


def test_an_import_that_adds_a_vip_is_refused(mesa: Mesa) -> None:
    folder = mesa.root / 'site'
    edit(folder, USERS, '5555550102,Ciudad de México,no', '5555550102,Ciudad de México,yes')
    checked, applied = mesa('config', 'check'), mesa('config', 'apply')
    assert (checked.code, applied.code) == (1, 1)
    assert f'{USERS}:3: vip: error: 11 of 200 users' in checked.out and '11 of 200' in applied.err


def test_a_site_whose_waiver_has_ended_can_be_started_and_applied(instance: Instance) -> None:
    site = instance.place.edited_site
    edit(site, NOPALERA, '# A written permission',
         '[[waiver]]\nusers = 11\nsince = 2026-12-01\nuntil = 2026-12-31\nreason = "x"\nby = "y"\n\n#')
    edit(site, USERS, '5555550102,Ciudad de México,no', '5555550102,Ciudad de México,yes')
    apply_edited(instance)
    clock(instance, NEW_YEAR)
    assert [problem.severity for problem in draft(instance).warnings if problem.where.key == 'vip'] == ['warning']
    assert apply_today(instance) is not None


# -- mesa contract -------------------------------------------------------------------------------------------------------

def test_the_contract_as_people_read_it(mesa: Mesa) -> None:
    lines = mesa('contract', 'nopalera').out.splitlines()
    assert lines[:6] == [
        'Alimentos La Nopalera (nopalera) on 2026-11-24',
        '  contract      MA-2025-014, from 2025-01-01 to no written day, pro rata by days',
        '  invoiced to   Alimentos La Nopalera, S.A. de C.V.', '  IVA           16 % (general)',
        '  calls         the general tariff of 2025-01-01', '  VIPs          10 of 200 users; 10 may be']
    standard = lines[lines.index('standard, terms of 2026-07-01'):]
    assert standard[1:4] == ['  fee           52500.00 a month', '  requests      340 a month',
                             '  above         95.00 each beyond 100 %, the whole run, at the price of the month that charges']
    assert '  earlier       2025-01-01: allowance 300, monthly_fee 48000.00, overage_price 95.00' in lines
    assert '  later         2027-07-01: monthly_fee 39500.00, respond_high_minutes 10' in lines


def test_the_contract_on_another_day(mesa: Mesa) -> None:
    quetzal = mesa('contract', 'quetzal', '--on', '2026-03-15').out
    assert '; NOT IN FORCE' in quetzal and 'standard: no terms in force' in quetzal
    assert 'later         2026-03-16: allowance 60, monthly_fee 14500.00, overage_price 110.00, overage_from 105, ' in quetzal
    later = mesa('contract', 'nopalera', '--on', '2027-07-01', '--json').json
    premium = next(one for one in later['modalities'] if one['modality'] == 'premium')
    assert (premium['since'], premium['terms']['monthly_fee'], premium['policy']['respond_high_minutes']) == ('2027-07-01', '39500.00', 10)
    assert premium['earlier'][0]['since'] == '2025-01-01' and premium['later'] == []


def test_the_contract_for_scripts(mesa: Mesa) -> None:
    told = mesa('contract', 'quetzal', '--json').json
    assert (told['number'], told['since'], told['until'], told['in_force']) == ('MA-2026-003', '2026-03-16', '2028-03-15', True)
    assert (told['iva_percent'], told['tax_region']) == ('8', 'border')
    assert told['tariff'] == {'since': '2026-03-16', 'own': True, 'across': 'start'}
    assert told['vip'] == {'users': 40, 'vips': 2, 'percent': 5, 'allowed': 2, 'kept': True}
    assert [(one['modality'], one['terms']['allowance']) for one in told['modalities']] == [
        ('standard', 60), ('premium', 20), ('vip', None), ('fax', None)]
    assert told['modalities'][0]['terms']['counted'] == ['reopen']


@pytest.mark.parametrize(('argv', 'code', 'says'), [
    (('nopal',), 1, "No client is called 'nopal'. There are: nopalera, quetzal"),
    (('nopalera', '--on', 'mañana'), 2, '--on mañana: this is not a day. Write it like 2026-11-24.')])
def test_what_cannot_be_shown_is_a_sentence(mesa: Mesa, argv: tuple[str, ...], code: int, says: str) -> None:
    done = mesa('contract', *argv)
    assert (done.code, done.out, done.err) == (code, '', f'mesa: {says}\n')


def test_waivers_are_shown_with_how_they_stand(mesa: Mesa) -> None:
    edit(mesa.root / 'site', NOPALERA, '# A written permission',
         '[[waiver]]\nusers = 12\nsince = 2026-11-01\nuntil = 2027-01-31\nreason = "Relevo"\nby = "L. Barragán"\n\n#')

    def shown(day: str) -> str:
        return next(line for line in mesa('contract', 'nopalera', '--edited', '--on', day).out.splitlines() if 'waiver' in line)
    assert shown('2026-11-24') == '  waiver        12 VIPs, 2026-11-01 to 2027-01-31, in force: Relevo (L. Barragán)'
    assert 'to come' in shown('2026-10-31') and 'ended' in shown('2027-02-01')
