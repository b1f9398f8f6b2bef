"""What a site's files say together: every check yields problems, and adding one is adding a function to CHECKS (mission.md 8.1).

A check judges what could be read. Where a part of the files could not be (`Known.unread`), nothing is concluded from
its absence: the reader has reported the cause.
"""
from __future__ import annotations

from dataclasses import replace

from config.check_common import Check, Known, place
from config.check_contract import (
    categories_have_own_keys,
    holidays_are_confirmed,
    modalities_have_lines,
    overrides_expire,
    phones_identify_one_user,
    site_calendars_exist,
    spans_do_not_overlap,
    trunk_numbers_are_not_lines,
)
from config.check_letterhead import headings_can_be_read
from config.check_mail import (
    addresses_are_well_formed,
    faxes_have_an_account,
    mail_finds_its_client,
    mail_servers_are_named,
    pages_have_an_address,
    templates_can_be_read,
)
from config.check_network import (
    emergency_route_is_named,
    extensions_are_free,
    names_are_safe,
    outgoing_trunks_are_named,
    trunks_are_known_by_address,
)
from config.check_routes import every_prompt_is_recorded, lines_lead_somewhere, menus_end, menus_lead_somewhere, queues_and_agents_fit
from config.check_service import (
    applications_have_material,
    contacts_can_answer,
    groups_have_people,
    ladders_ascend,
    logins_are_people,
    own_calls_have_a_way_out,
    somebody_supervises,
)
from config.check_terms import (
    client_tariffs_are_of_clients,
    contracts_have_their_days,
    metered_modalities_have_a_price,
    our_calls_have_a_price,
    policies_are_of_a_modality,
    prefixes_stand_once,
    prices_have_own_days,
    taxes_are_known,
    terms_are_of_contracted_modalities,
    terms_have_own_days,
    visits_are_premium,
    waivers_are_in_force,
)
from config.check_vip import vip_has_two_numbers, vip_is_within_its_cap
from config.check_webhooks import pops_lead_somewhere, webhooks_ask_for_events, webhooks_lead_to_the_client
from config.load import Reading
from config.problems import Problem
from config.values import Site

__all__ = ['CHECKS', 'Check', 'Known', 'check', 'check_reading', 'place']

CHECKS: tuple[Check, ...] = (
    names_are_safe,
    lines_lead_somewhere,
    modalities_have_lines,
    vip_is_within_its_cap,
    vip_has_two_numbers,
    queues_and_agents_fit,
    extensions_are_free,
    spans_do_not_overlap,
    site_calendars_exist,
    menus_lead_somewhere,
    menus_end,
    every_prompt_is_recorded,
    categories_have_own_keys,
    overrides_expire,
    holidays_are_confirmed,
    phones_identify_one_user,
    trunk_numbers_are_not_lines,
    trunks_are_known_by_address,
    emergency_route_is_named,
    outgoing_trunks_are_named,
    mail_servers_are_named,
    pages_have_an_address,
    addresses_are_well_formed,
    faxes_have_an_account,
    mail_finds_its_client,
    templates_can_be_read,
    somebody_supervises,
    logins_are_people,
    groups_have_people,
    applications_have_material,
    ladders_ascend,
    contacts_can_answer,
    own_calls_have_a_way_out,
    webhooks_lead_to_the_client,
    webhooks_ask_for_events,
    pops_lead_somewhere,
    terms_are_of_contracted_modalities,
    terms_have_own_days,
    contracts_have_their_days,
    metered_modalities_have_a_price,
    visits_are_premium,
    policies_are_of_a_modality,
    waivers_are_in_force,
    taxes_are_known,
    prices_have_own_days,
    client_tariffs_are_of_clients,
    prefixes_stand_once,
    our_calls_have_a_price,
    headings_can_be_read,
)


def check(site: Site, known: Known) -> list[Problem]:
    """Every problem of a site that could be read, in the order of the files."""
    return sorted({problem for one in CHECKS for problem in one(site, known)})


def check_reading(reading: Reading, known: Known) -> list[Problem]:
    """Everything wrong with a folder in one list: what could not be read, and what is wrong with the rest; each cause once."""
    reported = {(problem.where.file, problem.where.key) for problem in reading.problems}
    together = check(reading.site, replace(known, unread=reading.unread))
    return sorted([*reading.problems, *(problem for problem in together if (problem.where.file, problem.where.key) not in reported)])
