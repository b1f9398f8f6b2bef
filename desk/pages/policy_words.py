"""The contract parameters in Spanish, for pages: each one's name and how its value reads. Pure."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from config.values import Modality

YES_NO = {True: 'sí', False: 'no'}


@dataclass(frozen=True)
class Words:
    """How a parameter is called; its unit, or the words of its values. `fax`: of faxes alone; None: of every modality."""

    label: str
    unit: str = ''
    values: Mapping[Any, str] | None = None
    fax: bool | None = False

    def is_for(self, modality: Modality) -> bool:
        """Whether it means something for a modality."""
        return self.fax is None or self.fax == (modality is Modality.FAX)


POLICY: Mapping[str, Words] = {
    'answer_percent': Words('Llamadas contestadas a tiempo', '%'),
    'answer_seconds': Words('A tiempo es dentro de', 's'),
    'queue_wait_minutes': Words('Espera más larga', 'min'),
    'respond_high_minutes': Words('Respuesta, prioridad alta', 'min hábiles'),
    'respond_medium_minutes': Words('Respuesta, prioridad media', 'min hábiles'),
    'respond_low_minutes': Words('Respuesta, prioridad baja', 'min hábiles'),
    'resolve_high_hours': Words('Solución, prioridad alta', 'h hábiles'),
    'resolve_medium_hours': Words('Solución, prioridad media', 'h hábiles'),
    'resolve_low_hours': Words('Solución, prioridad baja', 'h hábiles'),
    'verify_with': Words('Confirma la solución', values={'user': 'el usuario', 'contact': 'el contacto', 'both': 'los dos'}),
    'close_call_attempts': Words('Llamadas de cierre por solución'),
    'close_call_spacing_hours': Words('Entre dos llamadas de cierre', 'h hábiles'),
    'close_calls_per_hour': Words('Llamadas de cierre por hora, a todos'),
    'close_calls_per_user_hour': Words('Llamadas de cierre por hora, a un usuario'),
    'close_unverified_days': Words('Cierre sin respuesta después de', 'días hábiles'),
    'reopen_days': Words('Puede reabrirse durante', 'días'),
    'callback': Words('Devolución de llamada', values=YES_NO),
    'callback_attempts': Words('Intentos de devolver la llamada'),
    'callback_spacing_minutes': Words('Entre dos intentos', 'min'),
    'employee_number_tries': Words('Intentos del número de empleado'),
    'status_tries': Words('Intentos del número de folio'),
    'status_numbers_per_hour': Words('Folios que se consultan por hora'),
    'vip_percent': Words('Usuarios VIP, como máximo', '%', fax=None),
    'vip_overtakes_minutes': Words('Un VIP pasa antes de quien espera menos de', 'min'),
    'unflagged_on_vip_line': Words('Quien no es VIP y llama a la línea VIP', values={
        'normal': 'se atiende con prioridad normal'}),
    'unlisted': Words('Personas fuera de la lista', values={'serve': 'se atienden', 'verify': 'un agente verifica'}),
    'hours_by': Words('Horario', values={'line': 'el de la línea', 'site': 'el del sitio del usuario'}),
    'spoken_description': Words('El usuario describe de viva voz', values=YES_NO),
    'message_seconds': Words('Mensaje de voz, hasta', 's'),
    'notify_outside_hours': Words('Correos fuera de horario', values=YES_NO),
    'escalate_outside_hours': Words('Escalamientos fuera de horario', values=YES_NO),
    'problem_folios': Words('Folios parecidos que proponen un problema'),
    'problem_minutes': Words('Abiertos dentro de', 'min'),
    'recording': Words('Grabación de llamadas', values=YES_NO),
    'recording_days': Words('Grabaciones, se conservan', 'días'),
    'attachment_days': Words('Archivos, se conservan', 'días'),
    'attachment_megabytes': Words('Archivo más grande', 'MB'),
    'personal_days': Words('Datos personales, después del cierre', 'días', {0: 'sin límite'}),
    'fax_pages': Words('Páginas que se entregan de un fax', fax=True),
    'fax_too_long': Words('Fax más largo', values={'truncate': 'se entregan las primeras', 'reject': 'se rechaza'}, fax=True),
    'fax_release': Words('Fax fuera de horario se entrega', values={
        'next_opening': 'al abrir', 'next_business_day': 'el siguiente día hábil'}, fax=True),
    'fax_days': Words('Faxes, se conservan', 'días', fax=True),
}


def words_of(name: str, value: Any) -> str:
    """A parameter's value, as a person reads it."""
    words = POLICY[name]
    if words.values and value in words.values:
        return words.values[value]
    text = f'{value:g}' if isinstance(value, float) else str(value)
    return f'{text} {words.unit}'.strip()
