"""Who calls: one owner of a number, never a trunk's, never another client's."""
from __future__ import annotations

from config.values import Client, Modality, User
from ticketing.directory import Directory


def user(client: str, number: str, *phones: str) -> User:
    return User(client, number, f'user {number}', f'{number}@{client}.example', phones, 'cdmx', False)


def client(key: str, *users: User, trunks: tuple[str, ...] = ()) -> Client:
    return Client(key, key, frozenset({Modality.STANDARD}), users, frozenset(trunks), None, (), {})


ANA = user('acme', '100', '+525555550101', '+525555550109')
BETO = user('acme', '0200', '+525555550102', '+525555550109')
CARO = user('acme', '300', '+525555550500')
DANI = user('globex', '100', '+525555550101')
DIRECTORY = Directory({'acme': client('acme', ANA, BETO, CARO, trunks=('+525555550500',)), 'globex': client('globex', DANI)})


def test_the_only_owner_of_a_number_is_found_within_his_client() -> None:
    assert DIRECTORY.by_phone('acme', '+525555550101') is ANA
    assert DIRECTORY.by_phone('globex', '+525555550101') is DANI
    assert DIRECTORY.by_phone('globex', '+525555550102') is None
    assert DIRECTORY.by_phone('nobody', '+525555550101') is None


def test_a_shared_number_selects_nobody() -> None:
    assert DIRECTORY.by_phone('acme', '+525555550109') is None


def test_a_trunk_selects_nobody_even_when_one_user_lists_it() -> None:
    assert DIRECTORY.by_phone('acme', '+525555550500') is None
    assert DIRECTORY.by_employee_number('acme', '300') is CARO


def test_a_number_that_one_user_lists_twice_is_still_his() -> None:
    twice = user('acme', '1', '+525555550777', '+525555550777')
    assert Directory({'acme': client('acme', twice)}).by_phone('acme', '+525555550777') is twice


def test_employee_numbers_are_taken_as_written() -> None:
    assert DIRECTORY.by_employee_number('acme', '100') is ANA
    assert DIRECTORY.by_employee_number('globex', '100') is DANI
    assert DIRECTORY.by_employee_number('acme', '0200') is BETO
    assert DIRECTORY.by_employee_number('acme', '200') is None
    assert DIRECTORY.by_employee_number('acme', '') is None
