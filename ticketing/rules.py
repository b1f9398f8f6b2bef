"""What forbids a change of a folio, apart from its state: each rule by name, with its own sentence (mission.md chapter 4). Pure."""
from __future__ import annotations

from datetime import datetime, timedelta

from config.values import Agent, Application, Client, Modality, Policy, ResolverGroup, Site
from ticketing.notices import is_accused
from ticketing.values import OPEN_STATES, CancelCause, Folio, Kind, NotAllowed, State
from ticketing.words import clean

WAITING_FOR = ('user', 'supplier')
PARTIES = ('user', 'contact')
NOBODY = (*PARTIES, 'mesa', 'caller')                  # who acts in timelines without being one of ours
VIAS = ('call', 'page', 'person')
MERGEABLE_INTO = (*OPEN_STATES, State.RESOLVED)
DESCRIBABLE = (*OPEN_STATES, State.RESOLVED)


def words(text: str, what: str) -> str:
    """A text that must say something. Raises NotAllowed."""
    said = clean(text)
    if not said:
        raise NotAllowed(f'{what} is missing: say it in a few words', 'Falta escribir el texto: dígalo en pocas palabras.')
    return said


def client_of(site: Site, folio: Folio) -> Client:
    """The folio's client. Raises NotAllowed when the site has him no more."""
    client = site.clients.get(folio.report.client)
    if client is None:
        raise NotAllowed(f'folio {folio.number} is of client {folio.report.client!r}, whom the site has no more',
                         'El cliente de este folio ya no está en el sitio.')
    return client


def assignable_agent(site: Site, folio: Folio, login: str) -> Agent:
    """An agent who may get the folio. Raises NotAllowed."""
    agent = site.agents.get(login)
    if agent is None:
        raise NotAllowed(f'no agent is called {login!r}; there are: {", ".join(sorted(site.agents)) or "none"}',
                         'Elija un agente de la lista.')
    if is_accused(folio, login):
        raise NotAllowed(f'folio {folio.number} is a complaint about {login}, who may not get it',
                         'Ese agente no puede recibir este folio.')
    return agent


def assignable_group(site: Site, folio: Folio, key: str) -> ResolverGroup:
    """A resolver group of the client that may get the folio. Raises NotAllowed."""
    groups = client_of(site, folio).groups
    group = groups.get(key)
    if group is None:
        raise NotAllowed(f'{folio.report.client} has no resolver group {key!r}; it has: {", ".join(sorted(groups)) or "none"}',
                         'Elija un grupo de la lista.')
    if any(is_accused(folio, login) for login in group.agents):
        raise NotAllowed(f'folio {folio.number} is a complaint about {folio.report.complained_of}, who is in group {key}',
                         'Ese grupo no puede recibir este folio.')
    return group


def one_assignee(agent: str | None, group: str | None) -> None:
    """A folio goes to an agent or to a group. Raises NotAllowed."""
    if (agent is None) == (group is None):
        raise NotAllowed('a folio is assigned either to an agent or to a group', 'Elija a un agente o a un grupo.')


def handed_over(folio: Folio) -> None:
    """A hand-over is acknowledged once, by the group that has the folio. Raises NotAllowed."""
    if folio.state not in OPEN_STATES or folio.resolver_group is None:
        raise NotAllowed(f'folio {folio.number} is {folio.state} and with no resolver group: there is no hand-over to acknowledge',
                         'El folio no está con un grupo: no hay turno del que acusar recibo.')
    if folio.acknowledged_at is not None:
        raise NotAllowed(f'folio {folio.number}: {folio.resolver_group} has acknowledged the hand-over already',
                         'El grupo ya acusó recibo.')


def waits_for(party: str) -> None:
    """A folio waits for the user or a supplier. Raises NotAllowed."""
    if party not in WAITING_FOR:
        raise NotAllowed(f'a folio waits for {" or ".join(WAITING_FOR)}, not for {party!r}',
                         'Elija a quién se espera: al usuario o al proveedor.')


def first_contact(folio: Folio) -> None:
    """Solved on the line by first level: nobody else had it, and it was not solved before (mission.md 4.3). Raises NotAllowed."""
    if folio.resolver_group is not None or folio.state is State.WAITING or folio.reopens:
        had = f'group {folio.resolver_group} has it' if folio.resolver_group else 'it was reopened' if folio.reopens else 'it waits'
        raise NotAllowed(f'folio {folio.number} is no first-contact resolution: {had}',
                         'No es una solución en el primer contacto: el folio ya pasó por un grupo, por una espera o por una reapertura.')


def may_confirm(folio: Folio, by: str, via: str, party: str) -> None:
    """A call or a page speaks for the party itself; a person must not be who solved it (mission.md 4.7). Raises NotAllowed."""
    if via not in VIAS or party not in PARTIES:
        raise NotAllowed(f'folio {folio.number} cannot be confirmed by {party!r} through {via!r}', 'Elija quién confirmó.')
    if via != 'person' and by not in PARTIES:
        raise NotAllowed(f'folio {folio.number}: through a {via} only the user or the contact confirms, not {by}')
    if via == 'person' and by.casefold() in NOBODY:
        raise NotAllowed(f'folio {folio.number}: who confirms as a person says his own login, not {by!r}',
                         'Quien confirma debe hacerlo con su propio usuario.')
    solvers = {login.casefold() for login in (folio.resolved_by, folio.agent) if login}
    if via == 'person' and by.casefold() in solvers:
        raise NotAllowed(f'folio {folio.number} was solved by {by}: somebody else must confirm it',
                         'Usted resolvió o tiene este folio: la confirmación debe capturarla otra persona.')


def score_given(score: int | None) -> None:
    """The survey's 1 to 5, or none. Raises NotAllowed."""
    if score is not None and not 1 <= score <= 5:
        raise NotAllowed(f'a score is from 1 to 5, not {score}', 'La calificación va de 1 a 5.')


def still_reopenable(folio: Folio, policy: Policy, now: datetime) -> None:
    """closed_unverified may be reopened for some days (mission.md 4.7). Raises NotAllowed."""
    if folio.state is not State.CLOSED_UNVERIFIED or folio.closed_at is None:
        return
    until = folio.closed_at + timedelta(days=policy.reopen_days)
    if now > until:
        raise NotAllowed(f'folio {folio.number} could be reopened for {policy.reopen_days} days, until {until:%Y-%m-%d %H:%M} UTC: '
                         'open a new one',
                         f'Sólo podía reabrirse durante {policy.reopen_days} días después del cierre: abra un folio nuevo.')


def mergeable(duplicate: Folio, target: Folio) -> None:
    """Whether one folio says the same as another. Raises NotAllowed."""
    if duplicate.number == target.number:
        raise NotAllowed(f'folio {duplicate.number} cannot be a duplicate of itself', 'Un folio no es duplicado de sí mismo.')
    if duplicate.report.client != target.report.client:
        raise NotAllowed(f'folios {duplicate.number} and {target.number} are of different clients',
                         'Ese folio no existe o no es de este cliente.')
    if target.state not in MERGEABLE_INTO:
        raise NotAllowed(f'folio {target.number} is {target.state}: nothing can be merged into it',
                         'El otro folio ya está cerrado: no puede recibir duplicados.')
    if (duplicate.report.kind == Kind.COMPLAINT) != (target.report.kind == Kind.COMPLAINT):
        raise NotAllowed(f'folios {duplicate.number} and {target.number}: a complaint is merged with a complaint only',
                         'Una queja sólo puede ser duplicado de otra queja.')
    if duplicate.report.kind == Kind.COMPLAINT and duplicate.report.complained_of != target.report.complained_of:
        raise NotAllowed(f'folios {duplicate.number} and {target.number} are complaints about different people',
                         'Las dos quejas son sobre personas distintas.')


def supported(client: Client, modality: str, key: str) -> Application:
    """An application of the catalogue that this line supports (mission.md 1.2). Raises NotAllowed."""
    found = client.applications.get(key)
    if found is None:
        there = ', '.join(sorted(k for k, a in client.applications.items() if a.active)) or 'none'
        raise NotAllowed(f'{client.key} has no application {key!r} in its catalogue; it has: {there}',
                         'Elija una aplicación del catálogo del cliente.')
    if not found.active:
        raise NotAllowed(f'application {key!r} of {client.key} is not active', 'Esa aplicación no está activa en el catálogo.')
    if found.modality == Modality.PREMIUM and modality != Modality.PREMIUM:
        raise NotAllowed(f'application {key!r} is supported on the premium line only, and this folio came by {modality}',
                         'Esa aplicación sólo se atiende en la línea Premium.')
    if found.modality == Modality.PREMIUM and not found.material:
        raise NotAllowed(f'application {key!r} has no material on file, without which it cannot be supported',
                         'Esa aplicación no tiene su material entregado: todavía no se atiende.')
    return found


def cancel_cause(text: str) -> CancelCause:
    """The class of a cancellation. Raises NotAllowed."""
    if text not in list(CancelCause):
        raise NotAllowed(f'a folio is cancelled for {", ".join(CancelCause)}, not {text!r}', 'Elija la clase de cancelación de la lista.')
    return CancelCause(text)


def supervisor(site: Site, login: str) -> Agent:
    """A person who may decide what the client is charged for. Raises NotAllowed."""
    found = site.agents.get(login)
    if found is None or not found.supervisor:
        there = ', '.join(sorted(agent.login for agent in site.agents.values() if agent.supervisor)) or 'none'
        raise NotAllowed(f'{login} is no supervisor; there are: {there}', 'Esto lo decide un supervisor.')
    return found


def visitable(folio: Folio) -> None:
    """On-site visits exist under premium alone (mission.md 1.2). Raises NotAllowed."""
    if folio.report.modality != Modality.PREMIUM:
        raise NotAllowed(f'folio {folio.number} came by {folio.report.modality}: on-site visits exist under premium only',
                         'Las visitas en sitio sólo existen en la modalidad Premium.')
    if folio.state not in OPEN_STATES:
        raise NotAllowed(f'folio {folio.number} is {folio.state}: a visit belongs to an open folio',
                         'La visita corresponde a un folio abierto.')


def describable(folio: Folio) -> None:
    """What is over stays as it was told. Raises NotAllowed."""
    if folio.state not in DESCRIBABLE:
        raise NotAllowed(f'folio {folio.number} is {folio.state}: what it says is not changed any more',
                         'El folio ya está cerrado: lo que dice no se cambia.')


def accusable(site: Site, login: str | None, kind: str) -> None:
    """A complaint may name one of ours, by a login that exists: a typing error would send it to him. Raises NotAllowed."""
    if login is not None and kind != Kind.COMPLAINT:
        raise NotAllowed('only a complaint names a person complained of',
                         'Sólo una queja dice sobre quién es.')
    if login is not None and login not in site.agents:
        raise NotAllowed(f'no agent is called {login!r}; there are: {", ".join(sorted(site.agents)) or "none"}',
                         'Elija de la lista sobre quién es la queja.')
