"""`mesa mail preview`: what a letter looks like, with invented facts, by the templates as they are edited."""
from __future__ import annotations

import os
from pathlib import Path

import click

from callcenter.console import Complaint, print_json, say
from callcenter.posting import web_address
from callcenter.reading import Reading, pass_reading
from config.values import Client, Site

KEY = 'preview'                                        # tokens of a preview open nothing


@click.command()
@click.argument('name', required=False)
@click.option('--client', metavar='KEY', help='By the templates and facts of this client.  [default: the first]')
@click.option('--html', is_flag=True, help='Print the HTML instead of the text.')
@click.option('--open', 'file', type=click.Path(dir_okay=False, path_type=Path), metavar='FILE',
              help='Write the HTML to FILE, and open it where there is a screen.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def preview(reading: Reading, name: str | None, client: str | None, html: bool, file: Path | None, as_json: bool) -> None:
    """Show the letter NAME with invented facts; without NAME list the letters, and which own templates fail."""
    from ticketing.mail.letter_samples import sample
    from ticketing.mail.letter_texts import NOTICES
    from ticketing.mail.letters import letter
    site = reading.edited_site()
    now = reading.now(site)
    if name is None:
        list_letters(site, reading, as_json)
        return
    if name not in NOTICES:
        raise Complaint(f'No letter is called {name!r}. There are: {", ".join(NOTICES)}', 2)
    message = letter(sample(name, site, chosen(site, client), now), site, KEY, web_address(site, reading.place()), now)
    text, page = (message.get_body((kind,)).get_content() for kind in ('plain', 'html'))     # type: ignore[union-attr]
    if file is not None:
        file.write_text(page, encoding='utf-8')
    if as_json:
        print_json({'name': name, 'headers': {key: str(value) for key, value in message.items()}, 'text': text, 'html': page})
    elif html and file is None:
        say(page)
    elif file is None:
        for header in ('From', 'To', 'Subject', 'Reply-To'):
            if message[header] is not None:
                say(f'{header}: {message[header]}')
        say(f'\n{text}'.rstrip())
    else:
        say(f'{file} holds the letter {name}.')
        if os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY'):
            click.launch(str(file))


def list_letters(site: Site, reading: Reading, as_json: bool) -> None:
    """Every letter, whose own templates replace it, and which of those fail."""
    from ticketing.mail.letter_samples import broken_templates
    from ticketing.mail.letter_texts import NOTICES
    broken = dict(broken_templates(site, reading.now(site)))
    own = {name: sorted(f'{file}.j2' for file in site.mail_templates if file.rpartition('/')[2] in (f'{name}.txt', f'{name}.html'))
           for name in NOTICES}
    if as_json:
        print_json({'letters': [{'name': name, 'facts': NOTICES[name], 'own': own[name]} for name in NOTICES],
                    'broken': [{'file': f'{file}.j2', 'error': error} for file, error in broken.items()]})
        return
    say(f'{"letter":<18}{"facts besides the folio":<38}own templates')
    for name, facts in NOTICES.items():
        say(f'{name:<18}{", ".join(facts) or "-":<38}{", ".join(own[name]) or "-"}')
    for file, error in broken.items():
        say(f'{file}.j2 cannot be used, so ours is: {error}')


def chosen(site: Site, key: str | None) -> Client:
    """The client with this key, the first one without a key. Complaint when there is none."""
    found = site.clients.get(key) if key else next(iter(site.clients.values()), None)
    if found is None:
        raise Complaint(f'No client is called {key!r}. There are: {", ".join(site.clients) or "none"}', 2)
    return found
