"""Work that is killed by SIGKILL on its way, as by a power cut or an impatient operator."""
from __future__ import annotations

import os
import signal
from collections.abc import Callable

import callcenter.apply as steps


def killed_after(step: str, work: Callable[[], object]) -> None:
    """Run some work in a process that dies as soon as one of the steps of an apply is done: a name of `callcenter.apply`."""
    child = os.fork()
    if child == 0:
        module = steps.voices if step == 'lay_out_sounds' else steps
        original = getattr(module, step)

        def then_die(*args: object, **kwargs: object) -> None:
            original(*args, **kwargs)
            os.kill(os.getpid(), signal.SIGKILL)
        setattr(module, step, then_die)
        try:
            work()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, f'it was not killed after {step}'
