"""What becomes of a fax when its letter is refused, comes back, or nobody knows whether it arrived (mission.md 5.1, 5.4)."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from sqlalchemy import select

from config.values import Site
from fax.values import Fax, FaxState
from storage.engine import Database
from tests.fax_office import ACCOUNT, OTHER_LINE, SECOND, SITE, FaxOffice, pdf_in, tiff
from tests.smtp_peer import DROP, TAKE_AND_DROP, Action, SmtpPeer
from ticketing.mail.bounces import bounced
from ticketing.mail.letters import POSSIBLE_DUPLICATE
from ticketing.tables import outbox

S = FaxState
DAY = 24 * 60


@pytest.fixture
def office(db: Database, tmp_path: Path) -> FaxOffice:
    return FaxOffice(db, tmp_path)


@pytest.fixture
def servers() -> Iterator[list[SmtpPeer]]:
    started: list[SmtpPeer] = []
    yield started
    for server in started:
        server.close()


def through(server: SmtpPeer) -> Site:
    return replace(SITE, mail=replace(SITE.mail, smtp=f'127.0.0.1:{server.port}'))


def bounce(office: FaxOffice, fax: Fax, said: str = '550 5.1.1 no such user') -> None:
    """The account's server takes the letter and sends it back."""
    with office.db.write() as connection:
        message_id = connection.scalar(select(outbox.c.message_id).where(outbox.c.id == fax.letter_id))
        assert message_id is not None and bounced(connection, office.site, message_id, fax.recipient or '', said, office.now)


def test_a_letter_that_comes_back_goes_to_the_second_account(office: FaxOffice) -> None:
    office.arrive(tiff('a'))
    office.work()
    bounce(office, office.only)
    office.work()
    first, second = office.letters()
    assert (first['To'], second['To']) == (ACCOUNT, SECOND) and pdf_in(first) == pdf_in(second)
    assert f'era para {ACCOUNT}' in second.get_body(('plain',)).get_content()  # type: ignore[union-attr]
    assert (office.only.state, office.only.recipient) == (S.SENT, SECOND)
    alert, = office.letters('Asunto por atender')
    assert '550 5.1.1' in alert.get_body(('plain',)).get_content()  # type: ignore[union-attr]

    bounce(office, office.only, '552 mailbox full')
    office.work()
    assert office.only.state is S.UNDELIVERED and len(office.letters()) == 2 and len(office.letters('Asunto por atender')) == 2
    assert '552 mailbox full' in str(office.only.problem)
    office.desk.resend(office.only.reference, 'eva')
    office.work()
    assert office.only.state is S.SENT and [letter['To'] for letter in office.letters()] == [ACCOUNT, SECOND, ACCOUNT]


def test_without_a_second_account_a_person_must_look(office: FaxOffice) -> None:
    office.arrive(tiff('a'), called=OTHER_LINE)
    office.work()
    bounce(office, office.only)
    office.work()
    assert office.only.state is S.UNDELIVERED and len(office.letters('Asunto por atender')) == 1


def test_a_bounce_that_is_told_twice_changes_nothing_more(office: FaxOffice) -> None:
    office.arrive(tiff('a'))
    office.work()
    first = office.only
    bounce(office, first)
    office.work()
    bounce(office, first)
    office.work()
    assert [letter['To'] for letter in office.letters()] == [ACCOUNT, SECOND] and office.only.state is S.SENT


def test_the_account_that_is_refused_at_once(office: FaxOffice, servers: list[SmtpPeer]) -> None:
    servers.append(SmtpPeer({'rcpt': ['550 5.1.1 no such user']}))
    office.site = through(servers[0])
    office.arrive(tiff('a'))
    office.work()
    assert office.only.state is S.SENT and office.only.recipient == SECOND
    assert sorted(taken.recipient for taken in servers[0].taken) == sorted([SECOND, *supervisors()])


def supervisors() -> list[str]:
    return [agent.email for agent in SITE.agents.values() if agent.supervisor and agent.email]


def test_a_mail_server_that_is_down_for_two_days(office: FaxOffice, servers: list[SmtpPeer]) -> None:
    """Nothing is lost, nothing is sent twice; no fax is kept back when the server is back at night."""
    servers.append(SmtpPeer())
    port = servers[0].port
    servers.pop().close()
    office.site = replace(SITE, mail=replace(SITE.mail, smtp=f'127.0.0.1:{port}'))
    for n in range(3):
        office.arrive(tiff(f'n{n}'))
    for _ in range(48):
        office.work(minutes=60)
        assert {fax.state for fax in office.faxes} == {S.QUEUED}
        office.retention.round(office.now + timedelta(days=100))
    servers.append(SmtpPeer(port=port))
    office.work(minutes=4 * 60 + 30)
    office.work(minutes=4 * 60 + 30)
    assert {fax.state for fax in office.faxes} == {S.SENT}
    assert len(servers[0].taken) == 3 and len({taken.message['Subject'] for taken in servers[0].taken}) == 3


@pytest.mark.parametrize(('scripts', 'copies', 'doubted'), [
    (({'dot': [DROP]},), 1, True), (({'dot': [TAKE_AND_DROP]},), 2, True), (({'dot': ['451 later']}, {'mail': ['421 later']}), 1, False)])
def test_at_most_one_copy_more_and_it_says_so(office: FaxOffice, servers: list[SmtpPeer], scripts: tuple[dict[str, list[Action]], ...],
                                               copies: int, doubted: bool) -> None:
    servers.append(SmtpPeer(*scripts))
    office.site = through(servers[0])
    office.arrive(tiff('a'))
    for _ in range(5):
        office.work(minutes=15)
    letters = [message_from_bytes(taken.data, policy=default) for taken in servers[0].taken]
    assert office.only.state is S.SENT and len(letters) == copies
    assert len({letter['Message-ID'] for letter in letters}) == 1
    assert [letter[POSSIBLE_DUPLICATE] for letter in letters][1:] == ['yes'] * (copies - 1)
    assert ('posible duplicado' in office.book.events(office.only.reference)[-1].text) == doubted


def test_a_letter_in_doubt_is_for_a_person(office: FaxOffice, servers: list[SmtpPeer]) -> None:
    servers.append(SmtpPeer({'dot': [TAKE_AND_DROP]}, {'dot': [TAKE_AND_DROP]}))
    office.site = through(servers[0])
    office.arrive(tiff('a'))
    for _ in range(5):
        office.work(minutes=15)
    assert office.only.state is S.UNDELIVERED and 'no se sabe si llegó' in str(office.only.problem)
    assert [taken.recipient for taken in servers[0].taken][:2] == [ACCOUNT] * 2
    assert SECOND not in [taken.recipient for taken in servers[0].taken]


def test_a_pdf_that_was_changed_or_is_gone_is_not_sent(office: FaxOffice) -> None:
    office.arrive(tiff('a'))
    office.pipeline.round()
    office.folders.pdf(office.only).write_bytes(b'%PDF-1.4 another')
    office.work()
    assert office.only.state is S.UNDELIVERED and office.letters() == []
    office.desk.resend(office.only.reference, 'eva')
    office.folders.pdf(office.only).unlink()
    office.work()
    assert office.only.state is S.UNDELIVERED and 'not there any more' in str(office.only.problem)
