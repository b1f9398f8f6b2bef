"""What things are called in the Spanish of Mexico: one table for timelines, letters and exports. Nothing reads these words back. Pure."""
from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

STATES: Mapping[str, str] = {
    'new': 'recibido', 'assigned': 'asignado', 'in_progress': 'en atención', 'waiting': 'en espera', 'resolved': 'resuelto',
    'closed_verified': 'cerrado y confirmado', 'closed_unverified': 'cerrado sin confirmar', 'cancelled': 'cancelado',
}
MOVES: Mapping[str, str] = {
    'assign': 'asignación', 'start': 'inicio de la atención', 'wait': 'pausa', 'resume': 'reanudación', 'resolve': 'solución',
    'confirm': 'confirmación', 'close': 'cierre sin confirmar', 'reopen': 'reapertura', 'cancel': 'cancelación',
    'prioritise': 'cambio de prioridad',
}
PRIORITIES: Mapping[str, str] = {'low': 'baja', 'medium': 'media', 'high': 'alta'}         # also urgencies
IMPACTS: Mapping[str, str] = {'low': 'bajo', 'medium': 'medio', 'high': 'alto'}
MODALITIES: Mapping[str, str] = {'standard': 'HELP DESK 911', 'premium': 'Premium', 'vip': 'VIP', 'fax': 'Fax'}
CANCEL_CAUSES: Mapping[str, str] = {
    'user': 'el usuario ya no lo necesita', 'spam': 'no es una solicitud (spam, número equivocado)', 'our_error': 'error nuestro',
}
CANCEL_WORDS: Mapping[str, str] = {'user': '', 'spam': ' por no ser una solicitud', 'our_error': ' por error nuestro'}
KINDS: Mapping[str, str] = {'failure': 'falla', 'request': 'solicitud', 'complaint': 'queja'}
ENTRIES: Mapping[str, str] = {
    'opened': 'apertura', 'call': 'llamada', 'answered': 'llamada atendida', 'abandoned': 'llamada abandonada',
    'description': 'descripción hablada', 'message': 'mensaje de voz', 'category': 'categoría', 'privacy': 'aviso de privacidad',
    'note': 'nota', 'update': 'avance', 'move': 'cambio', 'acknowledged': 'acuse del grupo', 'email_in': 'correo recibido',
    'email_out': 'correo enviado', 'bounce': 'correo devuelto', 'escalated': 'escalamiento', 'close_call': 'llamada de cierre',
    'call_back': 'llamada de regreso', 'survey': 'encuesta', 'recording': 'grabación', 'attachment': 'archivo adjunto',
    'access': 'consulta de un archivo', 'expired': 'archivo eliminado', 'erased': 'datos suprimidos', 'merged': 'duplicado',
    'problem': 'problema', 'visit': 'visita en sitio', 'warning': 'advertencia',
    'counted': 'decisión sobre la cuota',
}
FILES: Mapping[str, str] = {
    'description': 'la descripción hablada', 'message': 'el mensaje de voz', 'recording': 'la grabación',
    'attachment': 'el archivo adjunto',
}
FIELDS: Mapping[str, str] = {
    'application': 'aplicación', 'summary': 'resumen', 'description': 'descripción', 'kind': 'tipo', 'diagnosis': 'diagnóstico',
}
PARTIES: Mapping[str, str] = {'user': 'usuario', 'contact': 'contacto del cliente', 'supplier': 'proveedor'}
VIAS: Mapping[str, str] = {
    'call': 'por teléfono', 'page': 'en la página', 'mail': 'por correo', 'person': 'a través de la mesa',
}
ORIGINS: Mapping[str, str] = {'phone': 'teléfono', 'fallback': 'teléfono', 'email': 'correo', 'person': 'persona de la mesa'}
LETTERS: Mapping[str, str] = {
    'opened': 'recibido', 'assigned': 'asignado', 'waiting': 'en espera', 'update': 'avance', 'resolved': 'resuelto',
    'reopened': 'reabierto', 'cancelled': 'cancelado', 'merged': 'duplicado', 'closed': 'cerrado', 'confirm': 'solicitud de confirmación',
    'handover': 'turnado al grupo', 'complaint': 'queja', 'escalation': 'escalamiento', 'problem_proposed': 'posible falla',
    'problem_progress': 'avance de la falla', 'bounce': 'correo devuelto', 'warning': 'advertencia',
    'fax': 'fax', 'fax_rejected': 'aviso de fax rechazado', 'allowance': 'consumo de la cuota',
    'vip_cap': 'aviso de usuarios VIP', 'vip_cap_contact': 'aviso de usuarios VIP',
    'site_move_noticed': 'acuse del cambio de domicilio', 'site_move_feasible': 'cambio de domicilio factible',
    'site_move_not_feasible': 'cambio de domicilio no factible', 'site_move_scheduled': 'fecha del cambio de domicilio',
    'site_move_delivered': 'entrega del cambio de domicilio', 'site_move_withdrawn': 'retiro del cambio de domicilio',
    'site_move_cancelled': 'cancelación por cambio de domicilio no factible', 'site_move_closed': 'cierre del cambio de domicilio',
}
SENDINGS: Mapping[str, str] = {
    'waiting': 'en espera', 'sending': 'enviándose', 'sent': 'enviado', 'failed': 'no entregado', 'doubtful': 'entrega dudosa',
    'dropped': 'descartado',
}
INTAKES: Mapping[str, str] = {
    'opened': 'abrió un folio', 'joined': 'se agregó a un folio', 'ignored': 'sin efecto', 'bounce': 'correo devuelto',
    'quarantined': 'en cuarentena', 'to_verify': 'por verificar',
}
FAXES: Mapping[str, str] = {                           # received and sent
    'received': 'recibido', 'counted': 'en proceso', 'converted': 'en proceso', 'held': 'retenido hasta el horario',
    'queued': 'por enviarse', 'submitted': 'por enviarse', 'sending': 'enviándose',
    'sent': 'entregado', 'quarantined': 'en revisión', 'rejected': 'rechazado',
    'undelivered': 'sin entregar', 'discarded': 'descartado', 'failed': 'no se pudo enviar', 'cancelled': 'cancelado',
}
CONFIRMATIONS: Mapping[str, str] = {
    'waiting': 'en espera', 'calling': 'en llamada', 'mailed': 'preguntado por correo', 'confirmed': 'confirmado',
    'refused': 'rechazado', 'unanswered': 'sin respuesta', 'void': 'sin efecto',
}
CALL_BACKS: Mapping[str, str] = {'waiting': 'en espera', 'served': 'atendida', 'given_up': 'sin éxito', 'cancelled': 'cancelada'}
# How a call of ours ended; of a close call, or to call somebody back.
CALLED: Mapping[str, str] = {
    'busy': 'estaba ocupado', 'no_answer': 'no contestó', 'failed': 'la llamada no se pudo hacer', 'lost': 'la llamada se interrumpió',
    'no_key': 'contestó y no marcó nada', 'later': 'pidió que se le llame más tarde', 'confirmed': 'confirmó que quedó resuelto',
    'refused': 'respondió que no quedó resuelto', 'accepted': 'contestó', 'missed': 'no contestó',
    'agent_left': 'el agente colgó antes de que contestara',
}


def letter_name(notice: str) -> str:
    """'correo «resuelto»'; an unknown notice by its own name."""
    return f'correo «{LETTERS.get(notice, notice)}»'


def file_name(kind: str, file_id: int) -> str:
    """'la grabación 17'."""
    return f'{FILES.get(kind, "el archivo")} {file_id}'


def party_name(party: str) -> str:
    """'el usuario'."""
    return f'el {PARTIES.get(party, party)}'


def to_party(party: str) -> str:
    """'al usuario'."""
    return f'al {PARTIES.get(party, party)}'


def of_party(party: str) -> str:
    """'del usuario'."""
    return f'del {PARTIES.get(party, party)}'


def priority_words(before: str, after: str, impact: str, urgency: str) -> str:
    """'prioridad alta, antes media (impacto alto, urgencia media)'."""
    changed = f', antes {PRIORITIES[before]}' if before != after else ''
    return f'prioridad {PRIORITIES[after]}{changed} (impacto {IMPACTS[impact]}, urgencia {PRIORITIES[urgency]})'


def moment(at: datetime, zone: ZoneInfo) -> str:
    """'27/11/2026 18:00' in the zone."""
    return f'{at.astimezone(zone):%d/%m/%Y %H:%M}'
DISPOSITIONS: Mapping[str | None, str] = {
    None: 'en curso', 'answered': 'contestada', 'voice_message': 'dejó mensaje', 'call_back': 'pidió que se le llame',
    'abandoned': 'colgó en la cola', 'no_agent_timeout': 'nadie contestó', 'fax': 'fax', 'fax_busy': 'fax ocupado',
    'fax_unavailable': 'fax no disponible', 'goodbye': 'terminó el menú', 'hung_up': 'colgó en el menú', 'failed': 'falló',
    'busy': 'ocupado', 'no_answer': 'no contestó',
}
OUTBOUND: Mapping[str, str] = {
    'close_call': 'llamada de cierre', 'call_back': 'llamada de regreso', 'click_to_call': 'llamada de un agente', 'fax': 'fax',
    'transfer': 'transferencia', 'unlinked': 'sin folio',
}
