"""What people write: made fit to be stored, and whether it contradicts what they clicked. Pure."""
from __future__ import annotations

import re
import unicodedata

LONGEST = 10_000                                       # characters of one text that a person wrote
LONGEST_NAME = 64
# A control character ends no line of a letter, and PostgreSQL refuses NUL.
UNPRINTABLE = re.compile(r'[\x00-\x08\x0b-\x1f\x7f\u2028\u2029]')
# Spanish without accents. What says that it is not solved; "ya no falla" and "sin problema" do not.
CONTRADICTIONS = re.compile(r"""
      \bno \s (?:(?:me|nos|se|lo|la|les?) \s){0,2} (?:ha \s|han \s|esta \s|quedo \s|quedaron \s|fue \s)? (?:bien \s)?
          (?:funcion|sirv|jala|quedo|quedad|qued[ae]\b|resolv|resuel|solucion|arregl|abre|abri|entra\b|prende|carga\b|imprim|corrig|repar
            |puedo|pude|podemos|pudimos|lista?o?\b|atend|contest|llamaron|hicieron)
    | (?<!\bno\s) \bsig(?:ue|o|uen|uio) \s (?: igual | mal\b | sin\b | con\b | fall | en\s las \s mismas | el \s problema | la \s falla
          | present | dando | apareci | teniendo | marca | lent | bloque | caid | descomp )
    | (?<!\bno\s) \b(?:continua|persiste|permanece)n?\b
    | \b(?:aun|todavia|tampoco) \s (?:no\b | fall | hay | tengo | marca | sigue | me \s fall)
    | \b(?:volvio|vuelve|vuelven|volvieron) \s a \s (?:fall|pasar|suced|ocurr|present|descomp|apag|marcar)
    | \bsin \s (?:resol|solucion|arregl|repar|aten)
    | \bnunca \s (?:me|nos|se|lo|la|llam|vin|resol|qued|funcion)
    | \b(?:otra \s vez|de \s nuevo|nuevamente) \s (?:fall|lo \s mismo|el \s problema|la \s falla|el \s error|no\b)
    | (?<!\bno\s) (?<!\bnada\s) \b(?:esta|quedo|salio|sigue) \s (?:peor|igual|mal\b|descompuest)
    | (?<!\bno\s) (?<!\bno\shay\s) \bmism[oa] \s (?:problema|falla|error)
""", re.VERBOSE)
RELIEF = re.compile(
    r'\bya no (?:sigue|falla|persiste|continua|hay|tengo|marca)\w*(?: (?:el|la|los|un|una|ningun|mism[oa]|problema|falla|error))*')


def clean(text: str) -> str:
    """A text as it may be stored: without control characters and half letters, of bounded length."""
    whole = text.encode('utf-8', 'replace').decode('utf-8').replace('\r\n', '\n').replace('\r', '\n')
    return UNPRINTABLE.sub(' ', whole).strip()[:LONGEST]


def clean_name(text: str) -> str:
    """Who did something, in one line."""
    return ' '.join(clean(text).split())[:LONGEST_NAME]


def contradicts(comment: str) -> bool:
    """Whether a comment to a confirmation says that it is not solved ('sigue fallando'); accents and letter case do not matter."""
    return CONTRADICTIONS.search(RELIEF.sub(' ', _plain(comment))) is not None


def _plain(text: str) -> str:
    """Small letters without accents, single spaces, no punctuation."""
    letters = ''.join(c for c in unicodedata.normalize('NFKD', text.casefold()) if not unicodedata.combining(c))
    return ' '.join(re.sub(r'[^\w\s]', ' ', letters).split())
