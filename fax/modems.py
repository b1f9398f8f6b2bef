"""What the modems of the fax server are doing, as HylaFAX tells it in its spool (mission.md 5.1, 5.5)."""
from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

IDLE, RECEIVING, SENDING, DOWN = 'idle', 'receiving', 'sending', 'down'
# How HylaFAX's own sentences begin; anything else (initializing, waiting for the modem, a wedged one) serves nobody now.
MEANINGS = (('Running and idle', IDLE), ('Listening to rings', RECEIVING), ('Answering', RECEIVING), ('Receiving', RECEIVING),
            ('Sending', SENDING))
LONGEST = 200


@dataclass(frozen=True)
class ModemState:
    """One modem: HylaFAX's name of it, its state ('idle', 'receiving', 'sending', 'down') and HylaFAX's own words."""

    name: str
    state: str
    text: str


def modems_now(spool: Path, names: Iterable[str], running: Collection[str]) -> tuple[ModemState, ...]:
    """The state of each modem; `running` names the programs that are alive, 'modem NAME' and 'faxgetty NAME'. Reads files, never fails."""
    return tuple(modem_now(spool, name, running) for name in names)


def modem_now(spool: Path, name: str, running: Collection[str]) -> ModemState:
    """The state of one modem. What HylaFAX wrote last counts only while its program is alive: a killed one leaves its words behind."""
    for program in (f'modem {name}', f'faxgetty {name}'):
        if program not in running:
            return ModemState(name, DOWN, f'the program {program} does not run')
    try:
        text = (spool / 'status' / name).read_text(errors='replace')[:LONGEST].strip()
    except OSError as error:
        return ModemState(name, DOWN, f'HylaFAX has not told its state: {error.strerror}')
    return ModemState(name, meaning(text), text)


def meaning(text: str) -> str:
    """HylaFAX's words about a modem as one of the four states."""
    return next((state for words, state in MEANINGS if text.startswith(words)), DOWN)
