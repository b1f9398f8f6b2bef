"""The names of what is held, in Spanish, for the person who reads it."""
from __future__ import annotations

from collections.abc import Mapping

from ticketing.spanish import (
    CALL_BACKS,
    CALLED,
    CONFIRMATIONS,
    ENTRIES,
    IMPACTS,
    INTAKES,
    KINDS,
    LETTERS,
    MODALITIES,
    MOVES,
    ORIGINS,
    PARTIES,
    PRIORITIES,
    SENDINGS,
    STATES,
)

SECTIONS: Mapping[str, str] = {
    'user': 'Sus datos en la lista de usuarios',
    'folios': 'Folios (reportes)',
    'folio_entries': 'Historial de los folios',
    'folio_changes': 'Cambios de estado y prioridad',
    'folio_files': 'Grabaciones y archivos adjuntos',
    'close_calls': 'Llamadas de cierre y encuestas',
    'visits': 'Visitas en sitio',
    'messages_in': 'Correos que recibimos',
    'outbox': 'Correos que enviamos',
    'calls': 'Llamadas telefónicas',
    'call_notes': 'Notas de las llamadas',
    'call_backs': 'Solicitudes de devolución de llamada',
    'outbound_calls': 'Llamadas que le hicimos',
    'status_inquiries': 'Consultas de estado por teléfono',
    'erasures': 'Solicitudes de cancelación de datos',
}
COLUMNS: Mapping[str, str] = {
    'abandoned_at': 'abandonada el', 'acknowledged_at': 'acuse del grupo', 'agent': 'agente', 'agent_answered': 'atendida por agente',
    'allowed': 'permitida', 'ani': 'número que llamó', 'answered': 'contestada', 'answered_at': 'respondida el',
    'answered_by': 'respondió', 'answered_via': 'medio de la respuesta', 'application': 'aplicación', 'asked_at': 'solicitada el',
    'at': 'fecha', 'attempts': 'intentos', 'by': 'por', 'caller_number': 'teléfono', 'cancel_reason': 'motivo de cancelación',
    'category': 'categoría', 'changed_at': 'modificado el', 'client': 'cliente', 'clock_starts': 'inicio del reloj',
    'closed_at': 'cerrado el', 'comment': 'comentario', 'complained_of': 'queja sobre', 'content_type': 'tipo de contenido',
    'created_at': 'creado el', 'cycle': 'ciclo', 'deadline': 'fecha límite', 'deleted_at': 'eliminado el',
    'deleted_why': 'motivo de eliminación', 'description': 'descripción', 'destination': 'destino', 'diagnosis': 'diagnóstico',
    'dialled': 'número marcado', 'direction': 'sentido', 'disposition': 'resultado', 'due': 'programado para',
    'duplicate_of': 'duplicado de',
    'email': 'correo electrónico', 'employee_number': 'número de empleado', 'ended': 'terminada', 'ended_at': 'terminada el',
    'erased_at': 'suprimido el', 'finished_at': 'terminado el', 'first_contact': 'resuelto en el primer contacto', 'folio': 'folio',
    'from_message': 'por mensaje de voz', 'from_state': 'estado anterior', 'holder': 'responsable',
    'identified_by': 'forma de identificación',
    'impact': 'impacto', 'joined': 'entró a la fila', 'joined_at': 'entró a la fila', 'kind': 'tipo', 'last_error': 'último error',
    'last_prompt': 'último mensaje escuchado', 'left_at': 'salió de la lista', 'left_queue': 'salió de la fila', 'line': 'línea',
    'linkedid': 'llamada', 'message': 'mensaje de voz', 'message_id': 'identificador del correo', 'modality': 'modalidad',
    'move': 'cambio', 'name': 'nombre', 'next_at': 'próximo intento', 'notice': 'aviso', 'number': 'número', 'opened_at': 'abierto el',
    'origin': 'origen', 'outcome': 'resultado', 'party': 'quién confirma', 'path': 'recorrido', 'payload': 'contenido',
    'phones': 'teléfonos', 'priority': 'prioridad', 'promised': 'fecha prometida', 'promoted': 'fila preferente', 'queue': 'fila',
    'reason': 'motivo', 'received_at': 'recibido el', 'recipient': 'destinatario', 'reopens': 'reaperturas',
    'resolved_at': 'resuelto el', 'resolved_by': 'resuelto por', 'resolver_group': 'grupo resolutor', 'respond_due': 'respuesta prometida',
    'responded_at': 'primera respuesta', 'rule': 'regla aplicada', 'score': 'calificación', 'seconds': 'duración (s)',
    'sender': 'remitente',
    'settled_at': 'decidido el', 'settled_by': 'decidido por', 'sha256': 'huella SHA-256', 'since': 'desde', 'site': 'sede',
    'size': 'tamaño (bytes)', 'solution': 'solución', 'started': 'inicio', 'started_at': 'inicio', 'state': 'estado', 'subject': 'asunto',
    'summary': 'resumen', 'talk_s': 'conversación (s)', 'text': 'texto', 'title': 'título', 'to_state': 'estado nuevo',
    'unlisted': 'fuera de la lista', 'urgency': 'urgencia', 'user_email': 'correo electrónico', 'user_name': 'nombre',
    'vip': 'VIP', 'wait_s': 'espera (s)', 'waiting_for': 'en espera de', 'why': 'motivo',
}
_AUTHORS = {**PARTIES, **ORIGINS, 'caller': 'usuario', 'mesa': 'Mesa'}
# Only these columns hold words of a list; everything else is shown as it was written. Several tables have a column of one name.
VALUES: Mapping[str, Mapping[str, str]] = {
    'state': {**CALL_BACKS, **CONFIRMATIONS, **SENDINGS, **STATES}, 'from_state': STATES, 'to_state': STATES, 'move': MOVES,
    'priority': PRIORITIES, 'urgency': PRIORITIES, 'impact': IMPACTS, 'modality': MODALITIES, 'notice': LETTERS,
    'kind': {**ENTRIES, **KINDS, 'mail': 'correo'}, 'origin': ORIGINS, 'by': _AUTHORS, 'answered_by': _AUTHORS, 'party': PARTIES,
    'waiting_for': PARTIES, 'answered_via': {'call': 'teléfono', 'page': 'página', 'person': 'persona de la mesa', 'mail': 'correo'},
    'outcome': {**CALLED, **INTAKES}, 'direction': {'in': 'entrante', 'out': 'saliente'},
    'holder': {'nobody': 'nadie', 'agent': 'agente', 'group': 'grupo resolutor'}, 'cancel_reason': {'duplicate': 'duplicado'},
    'identified_by': {'unknown': 'sin identificar', 'caller_id': 'por teléfono', 'employee_number': 'por número de empleado',
                      'email': 'por correo'},
    'deleted_why': {'arco': 'solicitud ARCO', 'personal_days': 'plazo del contrato'},
}
