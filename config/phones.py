"""Telephone numbers as Mexico dials and carriers present them, to and from E.164 (mission.md 1.1, 3.1)."""
from __future__ import annotations

LONGEST = 40                                           # characters; longer text is no telephone number, whatever it holds
LONGEST_E164 = 16                                      # '+' and fifteen digits
EARNING = ('+52900',)
PUNCTUATION = str.maketrans('', '', ' ()-./\u00a0\u2010\u2011\u2012\u2013')
# 52 apart, these ended in August 2019; clients' lists and some carriers still use them. Longest first.
HOME_PREFIXES = ('521', '044', '045', '52', '01')


def e164(text: str) -> str | None:
    """The E.164 form of a number as dialled, typed or presented, or None for what is no number ('anonymous', '', text).

    Ten digits are Mexican; so are they behind 52, 521, 01, 044 or 045. Other countries' numbers need + or 00. Short
    numbers (extensions, 911) have no E.164 form.
    """
    if len(text) == 10 and text.isascii() and text.isdigit() and text[0] > '1':
        return '+52' + text
    if len(text) == 13 and text.startswith('+52') and text.isascii() and text[3:].isdigit() and text[3] > '1':
        return text
    return _odd_form(text)


def _odd_form(text: str) -> str | None:
    if len(text) > LONGEST:
        return None
    digits = text.translate(PUNCTUATION)
    abroad = digits.startswith(('+', '00'))
    digits = digits.removeprefix('+') if digits.startswith('+') else digits.removeprefix('00')
    if not (digits.isascii() and digits.isdigit()):
        return None
    if abroad and not digits.startswith('52'):
        return _foreign('+' + digits)
    prefixes = ('521', '52') if abroad else ('', *HOME_PREFIXES)
    national = next((digits[len(prefix):] for prefix in prefixes if digits.startswith(prefix) and len(digits) == len(prefix) + 10), '')
    return '+52' + national if national[:1] > '1' else None


def _foreign(text: str) -> str | None:
    """The number without the zero that some write after the country ('+44 (0)20 ...'); with more than one it is none."""
    found = _parsed(text) if len(text) <= LONGEST_E164 + 1 else None
    return found if found is not None and len(found) <= LONGEST_E164 and _parsed(found) == found else None


def _parsed(text: str) -> str | None:
    import phonenumbers  # slow to load, and few calls come from abroad

    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return None
    # "Possible" (length and country), not "valid" (range assigned when the library was released): a caller
    # whose range is newer than the library is still a caller, and example numbers (555...) must pass.
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def earns(number: str) -> bool:
    """Whether somebody earns by a Mexican E.164 number's being called: such numbers are never ours to dial."""
    return number.startswith(EARNING)


def national(number: str) -> str:
    """The ten digits of a Mexican E.164 number, as one dials it at home. Raises ValueError for any other."""
    digits = number.removeprefix('+52')
    if len(number) != 13 or len(digits) != 10 or not (digits.isascii() and digits.isdigit()):
        raise ValueError(f'{number!r} is not a Mexican number in E.164')
    return digits


def spellings(number: str) -> tuple[str, ...]:
    """The digit strings by which a trunk may ask for a Mexican E.164 number."""
    ten = national(number)
    return ten, f'52{ten}', f'+52{ten}', f'01{ten}'
