"""`mesa webhook list|secret|test|events|retry`: what clients' own systems hear."""
from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import click

from callcenter.console import Complaint, print_json, say
from callcenter.folio_view import printable
from callcenter.instance import Instance, pass_instance
from callcenter.reading import Reading, pass_reading
from config.values import Site, Webhook
from config.webhooks import TEST, all_hooks
from ticketing.hooks.deliveries import Delivery, HookBook, NoSuchDelivery, Standing
from ticketing.hooks.events import News, envelope, iso
from ticketing.hooks.sender import Outcome, deliver
from ticketing.hooks.signing import body_of, headers_for
from ticketing.values import Sending

STATES = [str(state) for state in Sending if state is not Sending.DOUBTFUL]
hook_name = click.argument('key', metavar='CLIENT/NAME')
as_json = click.option('--json', 'as_json', is_flag=True, help='For scripts.')


@click.group()
def webhook() -> None:
    """What clients' own systems hear of calls, folios and faxes (docs/webhooks.md)."""


@webhook.command('list')
@as_json
@pass_reading
def list_(reading: Reading, as_json: bool) -> None:
    """List the webhooks in force, and how it stands with each."""
    site = reading.site()
    with reading.database() as database:
        standings = HookBook(database).standings()
    listed = [(key, hook, standings.get((key.partition('/')[0], hook.name), Standing())) for key, hook in all_hooks(site).items()]
    if as_json:
        print_json([facts_of(key, hook, standing) for key, hook, standing in listed])
        return
    if not listed:
        say('No client has a webhook. See: docs/webhooks.md')
        return
    say(f'{"webhook":<28}{"waiting":<9}{"sent":<8}{"failed":<8}{"last delivered":<18}last error')
    for key, hook, standing in listed:
        last = f'{standing.last_sent_at.astimezone(site.zone):%Y-%m-%d %H:%M}' if standing.last_sent_at else '-'
        say(f'{key:<28}{standing.waiting:<9}{standing.sent:<8}{standing.failed:<8}{last:<18}{printable(standing.last_error or "-")}')
        say(f'  {printable(hook.url)}  {", ".join(hook.events)}')


@webhook.command()
@hook_name
@click.option('--new', is_flag=True, help='Make a new one; it signs from now on, and the old one nothing more.')
@pass_instance
def secret(instance: Instance, key: str, new: bool) -> None:
    """Print the secret of a webhook, for the person who enters it at the receiver."""
    site = instance.site()
    known(site, key)
    click.echo(instance.renew_webhook_secret(site, key) if new else instance.secrets(site).webhooks[key])


@webhook.command()
@hook_name
@as_json
@pass_instance
def test(instance: Instance, key: str, as_json: bool) -> None:
    """Send one event of type `webhook.test`, now, and tell what the receiver answered."""
    site = instance.site()
    hook, client = known(site, key), key.partition('/')[0]
    event_id, moment = f'evt_{uuid4().hex}', datetime.now(UTC)
    body = body_of(envelope(News(TEST, client, f'webhook:{hook.name}', 0, '', {}), event_id, moment))
    headers = headers_for(body, event_id, instance.secrets(site).webhooks[key], moment)
    answer = deliver(hook.url, body, headers, loopback=hook.loopback or site.demo)
    if as_json:
        print_json({'webhook': key, 'id': event_id, 'delivered': answer.outcome is Outcome.DELIVERED, 'said': answer.said})
    elif answer.outcome is Outcome.DELIVERED:
        say(f'{key} has taken {event_id}: {printable(answer.said)}.')
    else:
        raise Complaint(f'{key} did not take the event: {printable(answer.said)}.')


@webhook.command()
@click.argument('key', metavar='[CLIENT/NAME]', required=False)
@click.option('--state', 'states', multiple=True, type=click.Choice(STATES), help='Only in this state (repeatable).')
@click.option('--limit', type=click.IntRange(1, 100_000), default=50, show_default=True, help='At most so many, the newest first.')
@as_json
@pass_reading
def events(reading: Reading, key: str | None, states: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List events, the newest first: those that wait, were delivered, failed or were dropped."""
    site = reading.site()
    client, _, name = (key or '').partition('/')
    with reading.database() as database:
        rows = HookBook(database).list((client, name) if key else None, [Sending(state) for state in states], limit)
    if as_json:
        print_json([facts_of_event(row) for row in rows])
        return
    if not rows:
        say('There are no such events.')
        return
    say(f'{"id":<8}{"state":<10}{"made":<18}{"webhook":<28}{"type":<18}{"about":<34}{"tries":<7}last error')
    for row in rows:
        made = row.created_at.astimezone(site.zone)
        say(f'{row.id:<8}{row.state:<10}{made:%Y-%m-%d %H:%M}  {row.client + "/" + row.webhook:<28}{row.type:<18}{row.subject:<34}'
            f'{row.tries:<7}{printable(row.last_error or "-")}')


@webhook.command()
@click.argument('ids', metavar='ID...', nargs=-1, required=True, type=int)
@as_json
@pass_reading
def retry(reading: Reading, ids: tuple[int, ...], as_json: bool) -> None:
    """Send again what failed or was dropped, and what waits at once; under the same event id."""
    site = reading.site()
    with reading.database() as database:
        try:
            rows = HookBook(database).retry(ids, reading.now(site))
        except NoSuchDelivery as error:
            raise Complaint(f'{str(error).capitalize()}. See: mesa webhook events') from error
    if as_json:
        print_json([facts_of_event(row) for row in rows])
        return
    for row in rows:
        say(f'Event {row.id} ({row.type}) goes to {row.client}/{row.webhook} again.')


def known(site: Site, key: str) -> Webhook:
    """The webhook that is called so; Complaint when the site in force has none."""
    hooks = all_hooks(site)
    if key not in hooks:
        raise Complaint(f'No webhook is called {key!r}; there are: {", ".join(hooks) or "none"}.')
    return hooks[key]


def facts_of(key: str, hook: Webhook, standing: Standing) -> dict[str, Any]:
    """A webhook for scripts; times are UTC, ISO 8601."""
    return {'webhook': key, 'url': hook.url, 'events': list(hook.events), 'waiting': standing.waiting, 'sent': standing.sent,
            'failed': standing.failed, 'last_sent_at': iso(standing.last_sent_at), 'last_error': standing.last_error}


def facts_of_event(row: Delivery) -> dict[str, Any]:
    """An event for scripts; times are UTC, ISO 8601. `not_before` goes by the machine's clock, the others by Mesa's."""
    return {'id': row.id, 'event_id': row.event_id, 'webhook': f'{row.client}/{row.webhook}', 'type': row.type, 'subject': row.subject,
            'sequence': row.sequence, 'state': str(row.state), 'tries': row.tries, 'last_error': row.last_error,
            'created_at': iso(row.created_at), 'not_before': iso(row.not_before), 'finished_at': iso(row.finished_at),
            'payload': dict(row.payload)}
