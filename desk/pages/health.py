"""How every part of Mesa is, and the log of what people did with accounts and data (mission.md 6.1, 8)."""
from __future__ import annotations

from desk.desk import Desk
from desk.health import WORST
from desk.web.frame import Answer, Visit
from desk.web.render import page

LEVELS = {'ok': ('bien', 'good'), 'warning': ('atención', 'warn'), 'bad': ('mal', 'bad')}
SUMMARY = {'ok': 'Todo está en orden.', 'warning': 'Todo funciona, pero algo necesita atención.', 'bad': 'Algo no funciona.'}
MOST = 500
# What stands in the log -> how it reads.
DEEDS = {
    'signed_in': 'entró', 'signed_out': 'salió', 'sign_in_refused': 'entrada rechazada', 'user_added': 'usuario nuevo',
    'user_disabled': 'usuario desactivado', 'user_enabled': 'usuario activado', 'password_set': 'contraseña cambiada',
    'totp_set': 'pide código al entrar', 'totp_removed': 'ya no pide código', 'token_added': 'clave de programa nueva',
    'token_revoked': 'clave de programa retirada', 'queue_joined': 'agregó a una cola', 'queue_left': 'quitó de una cola',
    'confirmed': 'confirmó un folio', 'refused': 'no confirmó un folio', 'listened': 'escuchó una llamada',
    'whispered': 'escuchó y habló al agente',
}


def show(desk: Desk, visit: Visit) -> Answer:
    """Every part, the worst first, with what to do. It is shown whatever is broken."""
    report = desk.health.report()
    parts = sorted(report.parts, key=lambda part: WORST.index(part.level))
    return page(visit, 'health.html.j2', title='Salud', report=report, parts=parts, levels=LEVELS, summary=SUMMARY[report.level],
                zone=desk.site().zone)


def show_log(desk: Desk, visit: Visit) -> Answer:
    """The newest entries; with ?usuario= those of one person."""
    login = visit.query.get('usuario', '').strip().casefold()[:64]
    rows = desk.accounts.audit(login=login or None, limit=MOST)
    return page(visit, 'audit.html.j2', title='Bitácora', rows=rows, login=login, deeds=DEEDS, most=MOST, zone=desk.site().zone)
