"""Who helps a client, with what, and who hears of it: contact, resolver groups, applications, escalation, terms of a modality."""
from __future__ import annotations

from collections.abc import Mapping

from config import shapes
from config.documents import Document
from config.load_service import policy_read
from config.site_files import is_on_file
from config.toml_lines import KeyPath
from config.values import LADDER, Application, Contact, EscalationStep, Modality, Policy, ResolverGroup, Webhook


def contact(document: Document, shape: shapes.ClientFile) -> Contact | None:
    """The person who speaks for the client; None when nobody is written."""
    read = document.shaped(shapes.ContactShape, shape.contact, ('contact',)) if shape.contact is not None else None
    if read is None:
        return None
    return Contact(read.name, read.email, document.phone(('contact', 'phone'), read.phone) if read.phone else None)


def groups(document: Document, client: str, shape: shapes.ClientFile) -> dict[str, ResolverGroup]:
    """The client's resolver groups (mission.md 4.4); of two with one key the first is kept."""
    read: dict[str, ResolverGroup] = {}
    elements = list(document.elements(shapes.GroupShape, shape.group, 'group'))
    if len(elements) < len(shape.group):
        document.found.unread.add(('group', client))
    for path, group in elements:
        if group.key in read:
            document.problem((*path, 'key'), f'there is already a group {group.key!r}: choose another key')
            continue
        phone = document.phone((*path, 'phone'), group.phone) if group.phone else None
        read[group.key] = ResolverGroup(
            group.key, group.title, group.internal, group.email, phone, tuple(group.agents), document.where(*path))
    return read


def applications(document: Document, client: str, shape: shapes.ClientFile, standard: Mapping[str, Application]) -> dict[str, Application]:
    """The standard catalogue and the client's own; one of these is active only with its material on file (mission.md 1.2)."""
    read = dict(standard) if set(shape.modalities) != {Modality.FAX.value} else {}
    for path, own in document.elements(shapes.ApplicationShape, shape.application, 'application'):
        if own.key in read:
            document.problem((*path, 'key'), f'there is already an application {own.key!r}: choose another key')
            continue
        read[own.key] = Application(
            own.key, own.title, tuple(own.versions), Modality.PREMIUM, tuple(own.material), own.active, document.where(*path))
        if own.active:
            _material(document, client, path, own.material)
    return read


def _material(document: Document, client: str, path: KeyPath, names: list[str]) -> None:
    for index, name in enumerate(names):
        if not is_on_file(document.found.folder, client, name):
            document.problem((*path, 'material', index), f'there is no material/{client}/{name} with anything in it: '
                             'put the document there, or write active = false until it is on file (mission.md 1.2)')


def escalation(document: Document, client: str, shape: shapes.ClientFile) -> tuple[EscalationStep, ...]:
    """The client's ladder as written, the ordinary one when none is; `escalation = []` is a ladder without rungs."""
    if 'escalation' not in shape.model_fields_set:
        return LADDER
    read = [_step(document, path, step) for path, step in document.elements(shapes.EscalationShape, shape.escalation, 'escalation')]
    steps = tuple(step for step in read if step)
    if len(steps) < len(shape.escalation):
        document.found.unread.add(('escalation', client))
    return steps


def _step(document: Document, path: KeyPath, shape: shapes.EscalationShape) -> EscalationStep | None:
    given = [value for value in (shape.percent, shape.after_hours, shape.after_minutes) if value is not None]
    if len(given) != 1:
        document.problem(path, 'a step says when in one way: percent of the time to resolve, or after_hours or after_minutes beyond it')
        return None
    minutes = shape.after_hours * 60 if shape.after_hours is not None else shape.after_minutes
    return EscalationStep(shape.percent, minutes, tuple(shape.notify))


def modality_policies(document: Document, shape: shapes.ClientFile, own: Policy) -> dict[Modality, Policy]:
    """The contract parameters of single modalities, where they differ from the client's own (mission.md 4.5)."""
    read = {}
    for name, values in shape.modality_policy.items():
        if name not in shape.modalities:
            document.problem(('modality_policy', name), f"{name!r} is not among the client's modalities: add it there or remove this table")
            continue
        read[Modality(name)] = policy_read(document, values, own, ('modality_policy', name))
    return read


def webhooks(document: Document, shape: shapes.ClientFile) -> tuple[Webhook, ...]:
    """Where the client's own systems hear of things; of two with one name the first is kept."""
    read: dict[str, Webhook] = {}
    for path, hook in document.elements(shapes.WebhookShape, shape.webhook, 'webhook'):
        if hook.name in read:
            document.problem((*path, 'name'), f'there is already a webhook {hook.name!r}: choose another name')
            continue
        read[hook.name] = Webhook(hook.name, hook.url, tuple(hook.events), hook.loopback, document.where(*path))
    return tuple(read.values())


def screen_pop(document: Document, shape: shapes.ClientFile) -> str:
    """The screen-pop URL; '' when none is written."""
    if shape.screen_pop is None:
        return ''
    read = document.shaped(shapes.ScreenPopShape, shape.screen_pop, ('screen_pop',))
    return read.url if read is not None else ''
