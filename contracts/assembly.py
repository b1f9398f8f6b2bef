"""A month's statement, put together: bill, chapters, words (mission.md 7.5). Pure."""
from __future__ import annotations

from contracts.bill import bill_of
from contracts.chapters import chapters
from contracts.counting import Request
from contracts.statement import Statement
from contracts.statement_facts import MonthFacts
from contracts.words import in_words

NOT_A_CFDI = 'Este documento no es un CFDI: la factura electrónica se envía por separado.'
NOTES = (
    NOT_A_CFDI,
    'Importes en pesos mexicanos, antes de impuestos; el IVA se muestra aparte. Cada renglón se redondea a centavos.',
    'Una solicitud es un folio con una petición confirmada de un usuario y cuenta una sola vez, en el mes en que se abrió.',
    'Lo que se corrige de un mes ya emitido se cobra o se abona en un estado de cuenta posterior; el emitido no cambia.',
)


def assemble(facts: MonthFacts) -> Statement:
    """The statement of the month as a draft."""
    bill = bill_of(facts)
    notes: tuple[str, ...] = NOTES
    if facts.month.span(facts.site.zone)[1] > facts.made_at:
        notes = ('El mes no ha terminado: las cifras van hasta el momento en que se hizo este borrador.', *notes)
    return Statement(
        client=facts.client.key, client_name=facts.client.name, fiscal_name=facts.contract.fiscal_name or facts.client.name,
        contract=facts.contract.number, site_name=facts.site.name, month=str(facts.month), month_title=facts.month.title,
        zone=str(facts.site.zone), first_day=facts.first_day, last_day=facts.last_day, made_at=facts.made_at, charges=bill.charges,
        subtotal=bill.subtotal, iva_percent=bill.iva_percent, iva=bill.iva, total=bill.total, words=in_words(bill.total),
        sections=chapters(facts), notes=notes)


def to_be_said(facts: MonthFacts) -> tuple[tuple[str, str, bool, str], ...]:
    """What the statement says of requests: (reference, month, counts, reason), those of its month and those that it corrects."""
    own = ((request.reference, str(facts.month), request.counts, request.reason) for request in _told_once(facts.requests))
    corrected = ((one.reference, str(month), one.counts, one.why_now) for month, found in facts.corrections.items() for one in found)
    return (*own, *corrected)


def _told_once(found: tuple[Request, ...]) -> tuple[Request, ...]:
    return tuple({request.reference: request for request in found}.values())
