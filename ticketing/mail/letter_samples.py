"""Facts for a look at a template: what `mesa mail preview` shows, and what the tests render."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from config.contract import ordinary_line
from config.phones import national
from config.values import Client, Site
from ticketing.mail.letter_texts import NOTICES, facts_of, in_words, own_texts
from ticketing.mail.message_ids import new_message_id
from ticketing.mail.outbox import Outgoing
from ticketing.values import Sending

NUMBER = '22857141'
_SAMPLES: dict[str, Any] = {
    'group_title': 'Soporte de segundo nivel', 'agent_name': 'Laura Méndez Ortiz', 'waiting_for': 'user',
    'reason': 'Necesitamos que nos indique el nombre de su equipo y a qué hora podemos conectarnos con usted.',
    'text': 'Restablecimos el servicio de correo en su sitio.\nEstamos comprobando que los mensajes pendientes lleguen completos.',
    'solution': 'Se volvió a crear el perfil de correo y se comprobó, junto con usted, que envía y recibe mensajes.',
    'first_contact': False, 'into': '22857150', 'verified': True, 'score': 5, 'close_call_id': 7, 'step': '80 %',
    'used_s': 11_520, 'resolve_s': 14_400,
    'problem_id': 3, 'title': 'Correo electrónico sin servicio en Monterrey', 'numbers': ['22857141', '22857150', '22857167'],
    'reference': 'F22857141', 'caller': '5555550177', 'caller_name': 'PAPELERIA LUNA', 'pages': 7, 'sent_pages': 5, 'most_pages': 5,
    'damage': ['la página 3 llegó dañada'], 'cut': False, 'held_until': None, 'again': False, 'instead_of': None, 'pdf': None,
    'recipient': 'maria.rios@nopalera.example', 'diagnostic': '550 5.1.1 The email account that you tried to reach does not exist',
}
# Letters about a contract, of no folio: to the client's contact, but for one.
TO_SUPERVISORS = frozenset({'vip_cap'})
_MOVE: dict[str, Any] = {
    'move': 'M57240019', 'place': 'Monterrey', 'destination': 'Av. Fundidora 501, Obrera, 64010 Monterrey, N.L.',
    'client_notice': 'OF-0312/2026', 'received_on': 'lunes 13 de julio de 2026', 'earliest_on': 'viernes 11 de septiembre de 2026',
    'wanted_on': 'miércoles 16 de septiembre de 2026', 'changed_on': 'miércoles 16 de septiembre de 2026', 'short': False, 'agreed': None,
    'closed_why': 'Día de la Independencia', 'next_day': 'jueves 17 de septiembre de 2026',
    'costs': [{'modality': 'HELP DESK 911', 'amount': '$12,500.00'}, {'modality': 'Premium', 'amount': '$8,400.00'}], 'total': '$20,900.00',
    'accepted': False, 'accepted_total': None, 'must_accept': True, 'cost_differs': False, 'term_months': 12, 'term_first': None,
    'term_last': None, 'move_state': None,
}
_VIPS = {'users': 199, 'vips': 12, 'percent': 5, 'allowed': 9, 'ended': '2026-10-31', 'ended_users': 12}
OF_THE_CONTRACT: dict[str, dict[str, Any]] = {
    'vip_cap': _VIPS,
    'vip_cap_contact': _VIPS,
    'allowance': {
        'month_title': 'noviembre de 2026', 'allowance': 400, 'requests': 421, 'left': 0, 'above': 21, 'percent': '105.3',
        'threshold': 105, 'price': '12.50', 'above_percent': 100, 'whole_run': True, 'months_above': 2},
    'site_move_noticed': _MOVE | {'reason': None, 'move_state': 'notificado'},
    'site_move_feasible': _MOVE | {
        'reason': 'Se requiere una toma de corriente regulada en el sitio.', 'move_state': 'factible'},
    'site_move_not_feasible': _MOVE | {
        'reason': 'En la zona del nuevo domicilio no hay acceso a nuestra red.', 'move_state': 'no factible'},
    'site_move_scheduled': _MOVE | {'reason': None, 'accepted': True, 'accepted_total': '$20,900.00', 'move_state': 'programado'},
    'site_move_delivered': _MOVE | {
        'reason': None, 'term_first': 'miércoles 16 de septiembre de 2026', 'term_last': 'miércoles 15 de septiembre de 2027',
        'accepted': True, 'accepted_total': '$19,500.00', 'cost_differs': True, 'closed_why': None, 'move_state': 'entregado'},
    'site_move_withdrawn': _MOVE | {'reason': 'La mudanza se pospone hasta el próximo año.', 'move_state': 'retirado'},
    'site_move_cancelled': _MOVE | {'reason': 'El sitio cierra.', 'move_state': 'terminado, con el servicio cancelado'},
    'site_move_closed': _MOVE | {'reason': 'Las personas del sitio se quedan en el domicilio actual.', 'move_state': 'cerrado'},
}
_STATES = {
    'opened': 'new', 'assigned': 'assigned', 'waiting': 'waiting', 'resolved': 'resolved', 'reopened': 'assigned', 'cancelled': 'cancelled',
    'merged': 'cancelled', 'closed': 'closed_verified', 'confirm': 'resolved', 'handover': 'assigned', 'complaint': 'new'}


def sample(notice: str, site: Site, client: Client, now: datetime) -> Outgoing:
    """A row of the outbox that was never stored, about the client or an invented folio of it; `notice` is one of NOTICES."""
    line = ordinary_line(site, client)
    user = client.users[0] if client.users else None
    facts: dict[str, Any] = {
        'number': NUMBER, 'client_name': client.name, 'user_name': user.name if user else None,
        'line': national(line.number) if line else None, 'state': _STATES.get(notice, 'in_progress'), 'priority': 'high',
        'category_title': client.categories[0].title if client.categories else None,
        'summary': 'No puedo abrir mi correo desde esta mañana.',
        'opened_at': now.isoformat(), 'promised': (now + timedelta(hours=4)).isoformat(), 'zone': site.zone.key,
        'modality': str(line.modality) if line else None, 'deadline': (now + timedelta(days=3)).isoformat(),
        'due': (now + timedelta(hours=1)).isoformat(), 'as_of': now.isoformat(), 'received_at': now.isoformat()}
    if notice in OF_THE_CONTRACT:
        own = OF_THE_CONTRACT[notice] | {name: facts[name] for name in ('client_name', 'modality', 'zone', 'as_of')}
        return Outgoing(
            id=0, notice=notice, recipient=_reader(notice, site, client), message_id=new_message_id(site), created_at=now, due=now,
            facts={name: value for name, value in own.items() if name in (*NOTICES[notice], 'client_name', 'modality', 'zone')},
            state=Sending.WAITING, client=client.key)
    own = {name: value for name, value in (_SAMPLES | facts).items() if name in NOTICES[notice] or name not in _SAMPLES}
    return Outgoing(
        id=0, notice=notice, recipient=(user.email if user else '') or 'persona@cliente.example', message_id=new_message_id(site),
        facts=own, state=Sending.WAITING, due=now, created_at=now, client=client.key, number=NUMBER, line=line.number if line else None)


def _reader(notice: str, site: Site, client: Client) -> str:
    """Who would get a letter about a contract: the client's contact, or a supervisor."""
    if notice in TO_SUPERVISORS:
        return next((agent.email for agent in site.agents.values() if agent.supervisor and agent.email), 'supervision@mesa.example')
    return client.contact.email if client.contact else 'persona@cliente.example'


def broken_templates(site: Site, now: datetime) -> Iterator[tuple[str, str]]:
    """An admin's own templates that fail on the sample facts, by file ('mail/CLIENT/NAME.txt'), and why; names that mean nothing, too."""
    for file in site.mail_templates:
        _, client, name = [*file.split('/'), '', ''][:3]
        notice = name.rpartition('.')[0]
        if client not in site.clients or notice not in NOTICES:
            yield file, 'no such client or notice'
            continue
        row = sample(notice, site, site.clients[client], now)
        alone = replace(site, mail_templates={file: site.mail_templates[file]})
        try:
            own_texts(row, alone, facts_of(row, site, 'https://mesa.example/c/7.muestra'))
        except Exception as error:
            yield file, in_words(error)
