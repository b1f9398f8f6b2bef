"""Who is calling, from the clients' lists of users (mission.md 3.1, 3.2). In memory; no database."""
from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import islice

from config.values import Client, User

MIN_DIGITS = 4                                         # of a telephone's number, to be looked for


def matching(users: Iterable[User], asked: str, most: int = 20) -> tuple[User, ...]:
    """The users whom all the words of `asked` fit: the beginning of an employee number or of a name's word, or part of a telephone."""
    wanted = _folded(asked).split()
    if not wanted:
        return ()
    return tuple(islice((user for user in users if all(_fits(user, word) for word in wanted)), most))


class Directory:
    """The users of all clients, by telephone and by employee number. `client` is always the client's key."""

    def __init__(self, clients: Mapping[str, Client]) -> None:
        owners: defaultdict[tuple[str, str], set[User]] = defaultdict(set)
        self._by_number: dict[tuple[str, str], User] = {}
        for client in clients.values():
            for user in client.users:
                self._by_number[client.key, user.employee_number] = user
                for phone in user.phones:
                    if phone not in client.trunk_numbers:
                        owners[client.key, phone].add(user)
        self._by_phone = {place: users.pop() for place, users in owners.items() if len(users) == 1}

    def by_phone(self, client: str, e164: str) -> User | None:
        """The client's only user with this telephone (E.164); None for a shared one, a trunk's, or another client's."""
        return self._by_phone.get((client, e164))

    def by_employee_number(self, client: str, text: str) -> User | None:
        """The client's user with this employee number, exactly as written in the list; None when there is none."""
        return self._by_number.get((client, text))


def _fits(user: User, word: str) -> bool:
    digits = word.lstrip('+')
    return (user.employee_number.casefold().startswith(word) or any(part.startswith(word) for part in _folded(user.name).split())
            or (len(digits) >= MIN_DIGITS and digits.isdigit() and any(digits in phone for phone in user.phones)))


def _folded(text: str) -> str:
    letters = unicodedata.normalize('NFKD', text.casefold())
    return ''.join(letter for letter in letters if not unicodedata.combining(letter))
