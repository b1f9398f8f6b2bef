"""A client's files: what was contracted, its lines, its people, and who helps them (mission.md chapters 1 and 4)."""
from __future__ import annotations

from collections.abc import Iterator, Mapping

from config import shapes
from config.documents import Document, Findings, read_document
from config.load_service import policy_read
from config.load_support import applications, contact, escalation, groups, modality_policies, screen_pop, webhooks
from config.load_terms import contract
from config.site_files import Unreadable, names_in, read_bytes
from config.users_csv import read_users
from config.values import Application, Category, Client, Line, Modality, Policy, User, Where


def read_clients(found: Findings, policy: Policy, standard: Mapping[str, Application]) -> tuple[dict[str, Client], dict[str, Line]]:
    """The clients by key, and all their lines by number."""
    clients: dict[str, Client] = {}
    lines: dict[str, Line] = {}
    for file in names_in(found.folder, 'clients', '.toml'):
        key = file.removeprefix('clients/').removesuffix('.toml')
        document = read_document(found, file, 'line')
        shape = document.whole(shapes.ClientFile)
        if shape is None:
            found.unread |= {('client', key), ('line', '*')}
            continue
        clients[key] = _client(document, key, shape, policy, standard)
        for line in _lines(document, key, shape, lines):
            lines[line.number] = line
    for file in names_in(found.folder, 'clients', '.users.csv'):
        key = file.removeprefix('clients/').removesuffix('.users.csv')
        if key not in clients and ('client', key) not in found.unread:
            found.problem(Where(file, 1, 'file'),
                          f'these are the users of a client that is not there: add clients/{key}.toml or remove the list')
    return clients, lines


def _client(document: Document, key: str, shape: shapes.ClientFile, policy: Policy, standard: Mapping[str, Application]) -> Client:
    listed = _users(document.found, key)
    own = policy_read(document, shape.policy, policy)
    by_modality = modality_policies(document, shape, own)
    trunk_numbers = (document.phone(('trunk_numbers', index), text) for index, text in enumerate(shape.trunk_numbers))
    return Client(
        key=key,
        name=shape.name,
        modalities=frozenset(Modality(name) for name in shape.modalities),
        users=listed,
        trunk_numbers=frozenset(number for number in trunk_numbers if number),
        vip_queue=shape.vip_queue,
        categories=tuple(Category(**dict(category))
                         for _, category in document.elements(shapes.CategoryShape, shape.category, 'category')),
        site_calendars=shape.site_calendars,
        policy=own,
        privacy_notice=shape.privacy_notice or 'mesa/privacy',
        resale_authorised_until=shape.resale_authorised_until,
        where=document.where(),
        contact=contact(document, shape),
        groups=groups(document, key, shape),
        applications=applications(document, key, shape, standard),
        escalation=escalation(document, key, shape),
        modality_policies=by_modality,
        mail_address=shape.mail_address.lower(),
        notes=tuple(shape.notes),
        mail_domains=frozenset(domain.lower() for domain in shape.mail_domains),
        mail_line=document.phone(('mail_line',), shape.mail_line) if shape.mail_line else None,
        webhooks=webhooks(document, shape),
        screen_pop=screen_pop(document, shape),
        contract=contract(document, key, shape, own, by_modality))


def _users(found: Findings, key: str) -> tuple[User, ...]:
    file = f'clients/{key}.users.csv'
    try:
        listed = read_users(key, file, read_bytes(found.folder, file))
    except FileNotFoundError:
        listed = None
        found.problem(Where(file, 1, 'file'), 'the client has no list of users: nobody can be identified; add it', 'warning')
    except Unreadable as error:
        listed = None
        found.problem(Where(file, 1, 'file'), str(error))
    if listed:
        found.problems += listed.problems
    if not (listed and listed.complete):
        found.unread.add(('users', key))
    return listed.users if listed else ()


def _lines(document: Document, client: str, shape: shapes.ClientFile, taken: Mapping[str, Line]) -> Iterator[Line]:
    """The client's lines. A number belongs to one client and modality (mission.md 1.1): of two the first one is kept."""
    mine: dict[str, Line] = {}
    readable = list(document.elements(shapes.LineShape, shape.line, 'line'))
    if len(readable) < len(shape.line):
        document.found.unread |= {('line', '*')} | {('modality', f'{client}:{modality}') for modality in Modality}
    for path, line in readable:
        number = document.phone((*path, 'number'), line.number)
        first = mine.get(number or '') or taken.get(number or '')
        if first:
            written = document.found.places.get((first.where.file, f'{first.where.key}.number'), first.where.line)
            document.problem((*path, 'number'), f'number {line.number} is already that of {first.where.file}:{written}, '
                             f'{first.client} {first.modality}: a number belongs to one line only')
        if first or not number:
            document.found.unread.add(('modality', f'{client}:{line.modality}'))
            continue
        modality = Modality(line.modality)
        mine[number] = Line(number, client, modality, line.calendar, line.queue, line.menu, line.greeting, document.where(*path),
                            line.email, line.email_second)
    yield from mine.values()
