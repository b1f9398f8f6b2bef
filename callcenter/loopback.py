"""Closing another program's UDP socket to the network: iaxmodem listens on every address, and takes a call from whoever sends one."""
from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Network
from pathlib import Path

PIDFD_GETFD = 438                                      # the same number on every architecture
SO_ATTACH_FILTER = 26
LOOPBACK = IPv4Network('127.0.0.0/8')
# Classic BPF: load the packet's source address, keep the network's part, take the packet if that is ours, else drop it.
LOAD_WORD, AND, JUMP_IF_EQUAL, RETURN = 0x20, 0x54, 0x15, 0x06
SOURCE_ADDRESS = 2**32 - 0x100000 + 12                 # SKF_NET_OFF, and its place in the IP header
WHOLE = 2**32 - 1


def hear_only(pid: int, port: int, network: IPv4Network = LOOPBACK) -> bool:
    """Let a process's UDP socket on `port` hear senders of `network` alone; False while it has no such socket.

    For root with CAP_SYS_PTRACE; OSError where that is missing, as in many containers.
    """
    for handle in _sockets(pid):
        with closing(socket.socket(fileno=handle)) as found:
            if found.family == socket.AF_INET and found.type == socket.SOCK_DGRAM and found.getsockname()[1] == port:
                _attach(found, network)
                return True
    return False


def _sockets(pid: int) -> Iterator[int]:
    """Our own handles of a process's sockets."""
    handle = os.pidfd_open(pid)
    try:
        for link in Path(f'/proc/{pid}/fd').iterdir():
            if str(link.readlink()).startswith('socket:'):
                yield _taken(handle, int(link.name))
    finally:
        os.close(handle)


def _taken(pidfd: int, number: int) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    taken = int(libc.syscall(PIDFD_GETFD, pidfd, number, 0))
    if taken < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return taken


def _attach(found: socket.socket, network: IPv4Network) -> None:
    steps = ((LOAD_WORD, 0, 0, SOURCE_ADDRESS), (AND, 0, 0, int(network.netmask)), (JUMP_IF_EQUAL, 0, 1, int(network.network_address)),
             (RETURN, 0, 0, WHOLE), (RETURN, 0, 0, 0))
    program = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *step) for step in steps))
    found.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack('HP', len(steps), ctypes.addressof(program)))
