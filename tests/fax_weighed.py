"""Runs a command, itself small, and adds a line to a file: the most memory that the command had, in KiB.

A process begins with the largest size of the one that started it, so the command is not started by the tests themselves.
"""
import os
import signal
import sys
from pathlib import Path

pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(pid, 0)
with Path(sys.argv[1]).open('a') as file:
    file.write(f'{used.ru_maxrss}\n')
if os.WIFSIGNALED(status):
    signal.signal(os.WTERMSIG(status), signal.SIG_DFL) if os.WTERMSIG(status) not in (signal.SIGKILL, signal.SIGSTOP) else None
    os.kill(os.getpid(), os.WTERMSIG(status))
sys.exit(os.waitstatus_to_exitcode(status))
