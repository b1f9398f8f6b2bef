"""Accounts on both databases: signing in, lock-out, codes that serve once, sessions that end, tokens, and what is remembered of it."""
from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from desk.accounts import passwords, tries
from desk.accounts.accounts import IDLE, LONGEST_SESSION, Accounts
from desk.accounts.passwords import csrf_of, digest, fits, hashed, made_up, new_token, step_of_code
from desk.accounts.tables import api_tokens, desk_sessions, desk_tries, desk_users
from desk.accounts.values import AccountError, CodeNeeded, LockedOut, Person, Refused, Role
from storage.engine import Database

NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
PASSWORD, HOME, AWAY = 'correcta y larga', '198.51.100.7', '203.0.113.9'


@pytest.fixture
def accounts(db: Database) -> Iterator[Accounts]:
    made = Accounts(db)
    made.add('ana', name='Ana  López', role=Role.AGENT, client=None, password=PASSWORD, by='test', now=NOW)
    yield made


def wrong(accounts: Accounts, now: datetime = NOW, login: str = 'ana', address: str = HOME) -> int:
    """A wrong try; the seconds that it must wait, 0 when it was looked at."""
    try:
        accounts.sign_in(login, 'equivocada', '', address=address, now=now)
    except LockedOut as error:
        return error.seconds
    except Refused:
        return 0
    raise AssertionError('a wrong password signed somebody in')


# --- pure --------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(('failures', 'after_s', 'wait'), [
    (0, 0, 0), (4, 0, 0), (5, 0, 15), (5, 14, 1), (5, 14.5, 1), (5, 15, 0), (6, 0, 30), (7, 0, 60), (8, 0, 120), (9, 0, 240), (10, 0, 480),
    (11, 0, 900), (12, 0, 900), (500, 0, 900), (500, 899, 1), (500, 900, 0), (500, 3600, 0), (5, -30, 15)])
def test_the_table_of_waiting(failures: int, after_s: float, wait: int) -> None:
    assert tries.wait_s(tries.Tries(failures, NOW), tries.OF_PAIR, NOW + timedelta(seconds=after_s)) == wait


@given(st.lists(st.integers(0, 4000), max_size=60), st.sampled_from([tries.OF_PAIR, tries.OF_LOGIN, tries.OF_ADDRESS]))
def test_waiting_never_grows_without_a_try_and_always_ends(pauses: list[int], limit: tries.Limit) -> None:
    now, stored = NOW, None
    for pause in pauses:
        now += timedelta(seconds=pause)
        if not tries.wait_s(stored, limit, now):
            stored = tries.after_failure(stored, now)
            waits = [tries.wait_s(stored, limit, now + timedelta(seconds=later)) for later in range(0, 1000, 50)]
            assert waits == sorted(waits, reverse=True)
            assert all(0 <= wait <= tries.LONGEST_S for wait in waits)
            assert tries.wait_s(stored, limit, now + timedelta(seconds=waits[0])) == 0
            assert (waits[0] > 0) == (stored.failures >= limit.free)


@given(st.text(max_size=300), st.text(max_size=300))
def test_keys_of_tries_fit_whatever_is_typed(login: str, address: str) -> None:
    keys = tries.keys(login, address)
    assert len(keys) == 3
    assert max(map(len, keys)) <= desk_tries.c.key.type.length


def test_passwords() -> None:
    stored = hashed(PASSWORD)
    assert stored.startswith('$argon2id$')
    assert stored != hashed(PASSWORD)
    assert fits(PASSWORD, stored)
    assert fits(f' {PASSWORD}\n', stored), 'a form takes such spaces away, a file does not'
    composed = hashed(unicodedata.normalize('NFD', 'contraseña de año'))
    assert fits('contraseña de año', composed), 'keyboards compose letters each in its own way'
    for other in ('', PASSWORD[:-1], PASSWORD.upper(), PASSWORD + 'x', 'x' * 20_000):
        assert not fits(other, stored)
    assert not fits(PASSWORD, None)
    assert not fits(PASSWORD, 'no hash at all')
    for short in ('', '123456789', ' ' * 20, 'x' * 201):
        with pytest.raises(AccountError, match='10 to 200'):
            hashed(short)
    assert len({made_up() for _ in range(100)}) == 100
    assert csrf_of('a') != csrf_of('b') != digest('b')


def test_codes_of_the_neighbouring_half_minutes_serve() -> None:
    key, at = pyotp.random_base32(), NOW.timestamp()
    step = int(at // 30)
    codes = {n: pyotp.TOTP(key).at(at + 30 * n) for n in range(-3, 4)}
    assert [step_of_code(key, codes[n], at) for n in (-1, 0, 1)] == [step - 1, step, step + 1]
    assert step_of_code(key, f'{codes[0][:3]} {codes[0][3:]}', at) == step
    for no_code in (codes[-3], codes[3], '', '12345', '1234567', '٠١٢٣٤٥', 'abcdef', '-12345'):
        assert step_of_code(key, no_code, at) is None or no_code in (codes[-1], codes[0], codes[1])


# --- people ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(('login', 'facts', 'why'), [
    ('Ana', {}, 'no login'), ('', {}, 'no login'), ('a b', {}, 'no login'), ('x' * 65, {}, 'no login'), ('.a', {}, 'no login'),
    ('a\n', {}, 'no login'), ('ñandú', {}, 'no login'), ('ana', {}, 'already'), ('eva', {'name': ' '}, 'name'),
    ('eva', {'password': 'corta'}, '10 to 200'), ('eva', {'role': Role.CONTACT}, 'belongs to one client'),
    ('eva', {'client': 'acme'}, 'belongs to one client'), ('contact', {}, 'timelines'), ('mesa', {}, 'timelines')])
def test_who_cannot_be_let_in(accounts: Accounts, login: str, facts: dict[str, Any], why: str) -> None:
    with pytest.raises(AccountError, match=why):
        accounts.add(login, **{'name': 'Eva', 'role': Role.AGENT, 'client': None, 'password': PASSWORD, 'by': 'test', 'now': NOW, **facts})
    assert [one.login for one in accounts.all()] == ['ana']


def test_signing_in(accounts: Accounts, db: Database) -> None:
    token = accounts.sign_in(' ANA ', PASSWORD, '', address=HOME, now=NOW)
    assert accounts.session(token, NOW) == Person('ana', 'Ana López', Role.AGENT)
    assert accounts.sign_in('ana', PASSWORD, '', address=HOME, now=NOW) != token
    with db.read() as connection:
        stored = str(connection.execute(select(desk_sessions)).all()) + str(connection.execute(select(desk_users)).all())
    assert token not in stored
    assert PASSWORD not in stored
    for login, password in (('ana', 'equivocada'), ('nadie', PASSWORD), ('', ''), ("ana' --", PASSWORD), ('a' * 5000, 'x' * 20_000)):
        with pytest.raises(Refused):
            accounts.sign_in(login, password, '', address=AWAY, now=NOW)


def test_the_first_wrong_ones_are_free_and_then_each_waits_longer(accounts: Accounts) -> None:
    assert [wrong(accounts) for _ in range(6)] == [0] * 5 + [15]
    with pytest.raises(LockedOut):
        accounts.sign_in('ana', PASSWORD, '', address=HOME, now=NOW + 14 * SECOND)
    assert wrong(accounts, NOW + 15 * SECOND) == 0
    assert wrong(accounts, NOW + 15 * SECOND) == 30
    assert accounts.sign_in('ana', PASSWORD, '', address=AWAY, now=NOW), 'who floods an account does not lock its owner out elsewhere'
    assert accounts.sign_in('ana', PASSWORD, '', address=HOME, now=NOW + 45 * SECOND)
    assert [wrong(accounts, NOW + MINUTE) for _ in range(6)] == [0] * 5 + [15], 'the right one begins anew'


def test_one_password_tried_on_all_accounts_is_stopped_and_so_is_one_account_from_everywhere(accounts: Accounts) -> None:
    assert [wrong(accounts, login=f'nadie{n}') for n in range(41)] == [0] * 40 + [15]
    assert wrong(accounts, login='otra', address=AWAY) == 0
    assert [wrong(accounts, address=f'203.0.113.{n}') for n in range(100, 151)] == [0] * 50 + [15]


def test_an_hour_forgives_and_a_restart_does_not(accounts: Accounts, db: Database) -> None:
    for _ in range(5):
        wrong(accounts)
    assert wrong(Accounts(db)) == 15
    assert wrong(accounts, NOW + HOUR) == 0
    with db.read() as connection:
        assert {row.failures for row in connection.execute(select(desk_tries))} == {1}


def test_tries_at_once_all_count(accounts: Accounts, db: Database) -> None:
    failed: list[BaseException] = []

    def once() -> None:
        try:
            wrong(accounts)
        except BaseException as error:
            failed.append(error)
    threads = [threading.Thread(target=once) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    with db.read() as connection:
        assert {row.failures for row in connection.execute(select(desk_tries))} == {5}


def test_a_password_asked_for_again_counts_like_a_stranger_s(accounts: Accounts) -> None:
    assert accounts.confirm('ana', PASSWORD, address=HOME, now=NOW)
    assert [accounts.confirm('ana', 'equivocada', address=HOME, now=NOW) for _ in range(5)] == [False] * 5
    assert not accounts.confirm('ana', PASSWORD, address=HOME, now=NOW), 'locked out'
    assert accounts.confirm('ana', PASSWORD, address=HOME, now=NOW + 15 * SECOND), 'and asking while locked out does not prolong it'


def test_a_code_serves_once(accounts: Accounts) -> None:
    key = pyotp.random_base32()
    accounts.set_totp('ana', key, by='test', now=NOW)
    code = pyotp.TOTP(key).at(NOW)

    def sign_in(said: str, now: datetime = NOW) -> str:
        return accounts.sign_in('ana', PASSWORD, said, address=HOME, now=now)
    with pytest.raises(CodeNeeded):
        sign_in('')
    with pytest.raises(Refused):
        accounts.sign_in('ana', 'equivocada', code, address=HOME, now=NOW)
    assert sign_in(code)
    for replay, now in ((code, NOW), (code, NOW + 30 * SECOND), (pyotp.TOTP(key).at(NOW - 30 * SECOND), NOW)):
        with pytest.raises(Refused):
            sign_in(replay, now)
    later = NOW + MINUTE
    assert sign_in(pyotp.TOTP(key).at(later), later)
    accounts.set_totp('ana', None, by='test', now=later)
    assert sign_in('', later)


def test_one_code_lets_one_of_two_in_at_once(accounts: Accounts) -> None:
    key = pyotp.random_base32()
    accounts.set_totp('ana', key, by='test', now=NOW)
    code, ends = pyotp.TOTP(key).at(NOW), []

    def once() -> None:
        try:
            accounts.sign_in('ana', PASSWORD, code, address=HOME, now=NOW)
            ends.append('in')
        except Refused:
            ends.append('refused')
    threads = [threading.Thread(target=once) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(ends) == ['in', 'refused', 'refused', 'refused']


# --- sessions ----------------------------------------------------------------------------------------------------------

def test_a_session_ends_when_nobody_uses_it_and_after_its_longest(accounts: Accounts) -> None:
    idle = accounts.sign_in('ana', PASSWORD, '', address=HOME, now=NOW)
    assert accounts.session(idle, NOW + IDLE - SECOND) is not None
    assert accounts.session(idle, NOW + 2 * IDLE - 2 * SECOND) is not None, 'seen a moment ago'
    assert accounts.session(idle, NOW + 4 * IDLE) is None
    used, now = accounts.sign_in('ana', PASSWORD, '', address=HOME, now=NOW), NOW
    while now < NOW + LONGEST_SESSION - HOUR:
        now += HOUR
        assert accounts.session(used, now) is not None
    assert accounts.session(used, NOW + LONGEST_SESSION) is None


def test_what_ends_sessions(accounts: Accounts) -> None:
    def both() -> tuple[str, str]:
        return tuple(accounts.sign_in('ana', PASSWORD, '', address=HOME, now=NOW) for _ in range(2))  # type: ignore[return-value]
    one, other = both()
    assert accounts.sign_out(one, address=HOME, now=NOW) == 'ana'
    assert accounts.sign_out(one, address=HOME, now=NOW) is None
    assert (accounts.session(one, NOW), accounts.session(other, NOW) is None) == (None, False)
    for change in (lambda keep: accounts.set_password('ana', PASSWORD, by='ana', now=NOW, but_session=keep),
                   lambda keep: accounts.set_totp('ana', None, by='ana', now=NOW, but_session=keep)):
        one, other = both()
        change(one)
        assert (accounts.session(one, NOW) is None, accounts.session(other, NOW)) == (False, None)
    one, other = both()
    accounts.disable('ana', by='test', now=NOW)
    assert [accounts.session(token, NOW) for token in (one, other)] == [None, None]
    with pytest.raises(Refused):
        accounts.sign_in('ana', PASSWORD, '', address=HOME, now=NOW)
    accounts.enable('ana', by='test', now=NOW)
    assert accounts.session(one, NOW) is None, 'what ended stays over'
    assert accounts.sign_in('ana', PASSWORD, '', address=HOME, now=NOW)
    for token in ('', new_token(), 'x' * 10_000):
        assert accounts.session(token, NOW) is None
    with pytest.raises(AccountError, match='no user nadie'):
        accounts.disable('nadie', by='test', now=NOW)


# --- programs ----------------------------------------------------------------------------------------------------------

def test_tokens(accounts: Accounts, db: Database) -> None:
    def add(name: str, role: Role = Role.AGENT, client: str | None = None, days: int | None = None) -> str:
        return accounts.add_token(name, role=role, client=client, expires_at=NOW + timedelta(days=days) if days else None, by='t', now=NOW)
    token = add('crm', client='acme', days=1)
    assert accounts.bearer(token, NOW) == Person('crm', 'crm', Role.AGENT, 'acme')
    assert accounts.bearer(token, NOW + timedelta(days=1)) is None
    for wrong_one in ('', token[:-1], token + 'x', token.upper(), 'mesa_' + 'A' * 43, "mesa_' OR 1=1"):
        assert accounts.bearer(wrong_one, NOW) is None
    with db.read() as connection:
        assert token not in str(connection.execute(select(api_tokens)).all())
    for name, role, client, why in (('crm', Role.AGENT, None, 'already'), ('CRM', Role.AGENT, None, 'no name'),
                                    ('ana', Role.AGENT, None, 'person'), ('contact', Role.AGENT, None, 'timelines'),
                                    ('otro', Role.CONTACT, None, 'one client')):
        with pytest.raises(AccountError, match=why):
            add(name, role, client)
    with pytest.raises(AccountError, match='a token is called crm'):
        accounts.add('crm', name='x', role=Role.AGENT, client=None, password=PASSWORD, by='t', now=NOW)
    accounts.revoke_token('crm', by='t', now=NOW)
    assert accounts.bearer(token, NOW) is None
    with pytest.raises(AccountError, match='in force'):
        accounts.revoke_token('crm', by='t', now=NOW)
    with pytest.raises(AccountError, match='already'):
        add('crm')
    assert [(row.name, row.used_at, row.revoked_at) for row in accounts.tokens()] == [('crm', NOW, NOW)]


def test_everything_is_remembered(accounts: Accounts) -> None:
    token = accounts.sign_in('ana', PASSWORD, '', address=HOME, now=NOW)
    wrong(accounts, login='nad\x1b[2Jie', address=AWAY)
    accounts.sign_out(token, address=HOME, now=NOW)
    accounts.set_password('ana', PASSWORD, by='jefa', now=NOW)
    accounts.note('ana', 'listened', 'una\ngrabación' + 'x' * 900, address=HOME, now=NOW)
    told = [(row.login, row.address, row.what) for row in reversed(accounts.audit())]
    assert told == [('test', '', 'user_added'), ('ana', HOME, 'signed_in'), ('nad [2jie', AWAY, 'sign_in_refused'),
                    ('ana', HOME, 'signed_out'), ('jefa', '', 'password_set'), ('ana', HOME, 'listened')]
    newest = accounts.audit(login='ana', limit=1)[0]
    assert newest.detail == ('una grabación' + 'x' * 900)[:500]
    assert PASSWORD not in str(accounts.audit())


def test_a_crowd_of_passwords_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, 'PATIENCE_S', 0.01)
    for _ in range(3):
        assert passwords._AT_WORK.acquire(blocking=False)
    try:
        with pytest.raises(LockedOut):
            passwords.fits('whatever it is', None)
    finally:
        for _ in range(3):
            passwords._AT_WORK.release()
    assert not passwords.fits('whatever it is', None)
