"""A real caller's data: his recording copied and logged, all of it told to him, and then gone (mission.md 3.8, 4.1)."""
from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from zipfile import ZipFile

from tests.real.callers import eventually
from tests.real.instance import RealMesa

NUMBER, NAME, ADDRESS = '5555550101', 'María Fernanda Ríos Castañeda', 'maria.rios@nopalera.example'
# The admin's own lists, and what other programs append to: the command names them.
NOT_OURS = ('site/', 'applied/', 'asterisk/log/')


def words(mesa: RealMesa, *words: str) -> str:
    done = mesa.mesa(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def traces(root: Path) -> list[str]:
    """Where the caller is found: in every value of the database, and in the bytes of every file."""
    found = []
    with closing(sqlite3.connect(f'file:{root}/mesa.db?mode=ro', uri=True)) as books:
        for table, in books.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            found += [f'{table}: {row}' for row in books.execute(f'SELECT * FROM {table}')
                      if any(trace in str(row) for trace in (NUMBER, NAME, ADDRESS, "'10001'"))]
    for file in root.rglob('*'):
        name = str(file.relative_to(root))
        if file.is_file() and not file.is_symlink() and not name.startswith(NOT_OURS):
            raw = file.read_bytes()
            found += [name for trace in (NUMBER, NAME, ADDRESS) if trace.encode() in raw]
    return found


def test_a_caller_is_told_everything_and_then_forgotten(mesa: RealMesa, tmp_path: Path) -> None:
    words(mesa, 'call', '8005550101', '--from', NUMBER, '--keys', '1,1,1,#', '--wait', '2')
    number = mesa.json('folio', 'list')[0]['number']
    words(mesa, 'folio', 'cancel', number, '--reason', f'Lo pidió {NAME}', '--by', 'ana')
    file, = mesa.json('recording', 'list', number)
    copy = tmp_path / 'copy.wav'
    words(mesa, 'recording', 'copy', number, str(file['id']), '--to', str(copy), '--by', 'ana', '--why', 'para transcribirla')
    assert copy.read_bytes()[:4] == b'RIFF' and stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert [(entry['by'], entry['text']) for entry in mesa.json('folio', 'show', number)['timeline'] if entry['kind'] == 'access'] == [
        ('ana', f'se copió la descripción hablada {file["id"]}: para transcribirla')]

    eventually(lambda: mesa.json('outbox', 'list', '--state', 'waiting', '--state', 'sending'), lambda letters: letters == [],
               'all letters are sent')
    target = tmp_path / 'maria.zip'
    words(mesa, 'privacy', 'export', NUMBER, '--client', 'nopalera', '--to', str(target), '--by', 'ana')
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with ZipFile(target) as archive:
        page, data = (archive.read(name).decode() for name in ('sus-datos.html', 'datos.json'))
        assert archive.read(f'archivos/{file["id"]}.wav') == copy.read_bytes()
        assert [name for name in archive.namelist() if name.startswith('correos/')]
    assert all(fact in page and fact in data for fact in (number, NAME, ADDRESS, 'Llamadas telefónicas'))
    assert mesa.mesa('privacy', 'export', NUMBER, '--client', 'nopalera', '--to', str(target)).returncode == 1

    assert traces(mesa.root)
    told = words(mesa, 'privacy', 'erase', '10001', '--client', 'nopalera', '--by', 'ana', '--reason', 'Solicitud 7', '--yes')
    assert 'site/clients/nopalera.users.csv:2' in told and 'cel-custom' in told
    assert traces(mesa.root) == []
    shown = mesa.json('folio', 'show', number)
    assert shown['state'] == 'cancelled' and shown['category'] == 'office' and shown['user_name'] is None
    assert mesa.json('recording', 'list', number)[0]['deleted_why'] == 'arco' and not list(mesa.place.messages.iterdir())
    gone = mesa.mesa('recording', 'copy', number, str(file['id']), '--to', str(tmp_path / 'no.wav'), '--by', 'ana', '--why', 'x')
    assert gone.returncode == 1 and 'was deleted on' in gone.stderr
