"""Signing in and out, and one's own password and codes (mission.md 6.1)."""
from __future__ import annotations

from datetime import timedelta

from desk.accounts.passwords import csrf_of, new_token, new_totp_key, step_of_code, totp_address
from desk.accounts.values import AGENTS, AccountError, CodeNeeded, LockedOut, Refused
from desk.desk import Desk
from desk.navigation import home_of
from desk.web.frame import Answer, Visit, see_other
from desk.web.gate import session_cookie
from desk.web.render import page
from storage.engine import DatabaseUnavailable

WRONG = 'El usuario, la contraseña o el código no es correcto.'
UNAVAILABLE = 'En este momento no podemos revisar su contraseña. Intente otra vez en un momento.'


def home(desk: Desk, visit: Visit) -> Answer:
    """Everybody to the page on which he begins."""
    return see_other(home_of(visit.who))


def show_sign_in(desk: Desk, visit: Visit) -> Answer:
    """The form; its CSRF word is tied to a cookie of a visitor who has no session yet."""
    if visit.person is not None:
        return see_other(home_of(visit.person))
    token = visit.token or new_token()
    return _form(desk, visit, token, '', '', status=200, fresh=not visit.token)


def sign_in(desk: Desk, visit: Visit) -> Answer:
    """Check, begin a session with a new token, and go where he wanted to go."""
    login, password, code = (visit.form.get(name, '') for name in ('login', 'password', 'code'))
    try:
        token = desk.accounts.sign_in(login, password, code, address=visit.address, now=visit.moment)
    except CodeNeeded:
        return _form(desk, visit, visit.token, login, 'Escriba el código de seis dígitos de su aplicación.', status=403)
    except Refused:
        return _form(desk, visit, visit.token, login, WRONG, status=403)
    except LockedOut as error:
        return _form(desk, visit, visit.token, login, f'Demasiados intentos. Espere {error.seconds} segundos.', status=429)
    except DatabaseUnavailable:
        return _form(desk, visit, visit.token, login, UNAVAILABLE, status=503)
    if visit.person is not None:                       # somebody else's turn at this browser
        desk.accounts.sign_out(visit.token, address=visit.address, now=visit.moment)
    return see_other(_safe(visit.form.get('ir', '')), (session_cookie(token, visit.secure),))


def sign_out(desk: Desk, visit: Visit) -> Answer:
    """End the session, and let no telephone of an agent's ring any more; a call that goes on goes on."""
    if visit.who.role in AGENTS and visit.who.login in desk.site().agents:
        desk.presence.away(visit.who.login, visit.moment)
    desk.accounts.sign_out(visit.token, address=visit.address, now=visit.moment)
    desk.end_streams(visit.token)
    return see_other('/entrar', (session_cookie('', visit.secure, 0),))


def show_account(desk: Desk, visit: Visit) -> Answer:
    """One's own password and codes."""
    return _account(desk, visit)


def change_password(desk: Desk, visit: Visit) -> Answer:
    """A new password, which the old one allows; other sessions end."""
    old, new, again = (visit.form.get(name, '') for name in ('old', 'new', 'again'))
    if new != again:
        return _account(desk, visit, 'Las dos contraseñas nuevas no son iguales.', 422)
    if not desk.accounts.confirm(visit.who.login, old, address=visit.address, now=visit.moment):
        return _account(desk, visit, 'La contraseña actual no es correcta.', 403)
    try:
        desk.accounts.set_password(visit.who.login, new, by=visit.who.login, now=visit.moment, but_session=visit.token)
    except AccountError:
        return _account(desk, visit, 'La contraseña nueva debe tener entre 10 y 200 caracteres.', 422)
    return _account(desk, visit, 'Su contraseña quedó cambiada. Sus otras sesiones se cerraron.')


def set_codes(desk: Desk, visit: Visit) -> Answer:
    """Ask for a code from now on, once he has shown that his application makes the right ones; or no more."""
    key, code = visit.form.get('key', ''), visit.form.get('code', '')
    if not desk.accounts.confirm(visit.who.login, visit.form.get('old', ''), address=visit.address, now=visit.moment):
        return _account(desk, visit, 'La contraseña actual no es correcta.', 403)
    if visit.form.get('remove'):
        desk.accounts.set_totp(visit.who.login, None, by=visit.who.login, now=visit.moment, but_session=visit.token)
        return _account(desk, visit, 'Ya no se pedirá un código al entrar.')
    if not (len(key) == 32 and key.isalnum() and key.isascii()) or step_of_code(key, code, visit.moment.timestamp()) is None:
        return _account(desk, visit, 'El código no corresponde a la clave. Revise la hora de su teléfono e intente otra vez.', 422)
    desk.accounts.set_totp(visit.who.login, key, by=visit.who.login, now=visit.moment, but_session=visit.token)
    return _account(desk, visit, 'Desde ahora se pedirá un código al entrar.')


def _form(desk: Desk, visit: Visit, token: str, login: str, says: str, *, status: int, fresh: bool = False) -> Answer:
    cookies = (session_cookie(token, visit.secure, int(timedelta(hours=1).total_seconds())),) if fresh else ()
    go = visit.form.get('ir') or visit.query.get('ir', '')
    return page(visit, 'sign_in.html.j2', status, cookies, title='Entrar', says=says, login=login, go=go, form_csrf=csrf_of(token),
                site=desk.site().name)


def _account(desk: Desk, visit: Visit, says: str = '', status: int = 200) -> Answer:
    own = desk.accounts.one(visit.who.login)
    key = new_totp_key()
    return page(visit, 'account.html.j2', status, title='Mi cuenta', says=says, wrong=status != 200, has_totp=own.has_totp, key=key,
                address=totp_address(key, visit.who.login, desk.site().name))


def _safe(wanted: str) -> str:
    """A page of ours, and never an address elsewhere."""
    return wanted if wanted.startswith('/') and not wanted.startswith(('//', '/\\', '/entrar')) and wanted.isprintable() else '/'
