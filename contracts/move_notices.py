"""A client's written notice that a site moves: whether the books can take it, and the row that it becomes (mission.md 7.4)."""
from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import Connection, insert, update

from config.values import Client, Site
from contracts.move_rows import Move, WrittenNotice, one, rows
from contracts.move_rules import OPEN, MoveState, SiteMoveError, StepRefused, check_days, check_received, is_short
from contracts.move_tables import site_moves
from ticketing.numbers import number_for
from ticketing.tables import counters
from ticketing.words import clean

SERIES = 'site_move'
LONGEST_NOTICE = 64


def reference_of(n: int) -> str:
    """The reference of the n-th move: like a folio's number (mission.md 4.2), and told from one by its letter."""
    return f'M{number_for(n)}'


def client_of(site: Site, key: str) -> Client:
    """The client with this key. Raises SiteMoveError."""
    if key not in site.clients:
        raise SiteMoveError(f'no client is called {key!r}; there are: {", ".join(site.clients) or "none"}', 'No existe ese cliente.')
    return site.clients[key]


def places_of(client: Client) -> tuple[str, ...]:
    """The client's sites, as its users and its calendars name them, in order."""
    return tuple(sorted({user.site for user in client.users if user.site} | set(client.site_calendars)))


def fit(written: WrittenNotice, client: Client) -> WrittenNotice:
    """The notice as it may be stored. Raises StepRefused for one that lacks what the books need."""
    said = replace(written, reference=' '.join(clean(written.reference).split()), destination=' '.join(clean(written.destination).split()),
                   agreed=clean(written.agreed), modalities=written.modalities or tuple(sorted(client.modalities)))
    if not said.reference or len(said.reference) > LONGEST_NOTICE:
        raise StepRefused(f"the reference of the client's letter has 1 to {LONGEST_NOTICE} characters: it tells one notice from another",
                          f'Indique la referencia del escrito del cliente, de 1 a {LONGEST_NOTICE} caracteres.')
    if not said.destination:
        raise StepRefused('a notice says to which address the site moves', 'Indique el nuevo domicilio.')
    foreign = [modality for modality in said.modalities if modality not in client.modalities]
    if foreign or not said.modalities:
        raise StepRefused(f'{client.key} has not contracted {", ".join(foreign) or "anything"}; it has: '
                          f'{", ".join(sorted(client.modalities)) or "nothing"}', 'El cliente no tiene contratada esa modalidad.')
    return said


def known(connection: Connection, said: WrittenNotice) -> Move | None:
    """The move of this notice; None when it is new. Raises StepRefused when the books say otherwise than the notice now."""
    found = rows(connection, site_moves.c.client == said.client, site_moves.c.site == said.site, site_moves.c.notice == said.reference)
    if not found:
        return None
    move, first = found[0], found[0].version == 0
    same = (move.received_on, move.destination, move.modalities) == (said.received_on, said.destination, said.modalities)
    if not same or (first and move.wanted_on != said.wanted_on):
        raise StepRefused(f'notice {said.reference} of {said.client} for {said.site} is in the books with other facts, {move.reference}',
                          f'La notificación {said.reference} ya está registrada con otros datos, como {move.reference}.')
    return move


def check_notice(connection: Connection, said: WrittenNotice, client: Client, today: date) -> None:
    """That the site is one of the client's, does not move already, and the days are right. Raises StepRefused, ShortNotice."""
    places = places_of(client)
    if said.site not in places:
        raise StepRefused(f'{client.key} has no site {said.site!r}; its users and calendars name: {", ".join(places) or "none"}',
                          f'El cliente no tiene un sitio llamado {said.site}.')
    under_way = rows(connection, site_moves.c.client == said.client, site_moves.c.site == said.site,
                     site_moves.c.state.in_([state.value for state in OPEN]))
    if under_way:
        raise StepRefused(f'{said.site} of {said.client} already moves, as {under_way[0].reference}: reschedule that or end it first',
                          f'El sitio {said.site} ya tiene un cambio de domicilio en trámite, el {under_way[0].reference}.')
    check_received(said.received_on, today)
    check_days(said.received_on, said.wanted_on, said.agreed)


def record(connection: Connection, said: WrittenNotice, now: datetime) -> Move:
    """Store the notice under the next reference."""
    id_ = int(connection.execute(update(counters).where(counters.c.name == SERIES).values(
        last=counters.c.last + 1).returning(counters.c.last)).scalar_one())
    connection.execute(insert(site_moves).values(
        id=id_, reference=reference_of(id_), client=said.client, site=said.site, notice=said.reference, received_on=said.received_on,
        wanted_on=said.wanted_on, destination=said.destination, modalities=[modality.value for modality in said.modalities],
        state=MoveState.NOTICED.value, version=0, recorded_at=now, answer='', ended_why='',
        agreed=said.agreed if is_short(said.received_on, said.wanted_on) else ''))
    return one(connection, reference_of(id_))
