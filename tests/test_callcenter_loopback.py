"""A socket of another process is closed to all but one network. With real sockets."""
from __future__ import annotations

import os
import socket
import subprocess
import sys
from ipaddress import IPv4Network

import pytest

from callcenter.loopback import hear_only

LISTENER = """
import socket, sys
here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
here.bind(('0.0.0.0', 0))
print(here.getsockname()[1], flush=True)
while True:
    print(here.recv(100).decode(), flush=True)
"""


def say(address: str, port: int, word: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        sock.sendto(word.encode(), ('127.0.0.1', port))


@pytest.mark.skipif(os.geteuid() != 0, reason='only root may')
def test_it_hears_only_whom_it_may() -> None:
    with subprocess.Popen([sys.executable, '-c', LISTENER], stdout=subprocess.PIPE, text=True) as listener:
        assert listener.stdout
        port = int(listener.stdout.readline())
        say('127.0.0.1', port, 'before')
        assert listener.stdout.readline() == 'before\n'
        assert hear_only(listener.pid, port, IPv4Network('127.0.0.2/32'))
        say('127.0.0.1', port, 'a stranger')
        say('127.0.0.2', port, 'the one')
        assert listener.stdout.readline() == 'the one\n'
        assert hear_only(listener.pid, port)
        say('127.0.0.1', port, 'this machine')
        assert listener.stdout.readline() == 'this machine\n'
        assert not hear_only(listener.pid, port + 1)
        listener.kill()
