"""A process that forks a child for each job: what is slow to load is loaded once, and a child still lives for one job.

Its standard input is a socket to the one who started it (`ingest.decoding`). Each message there is a job: its words as
JSON and two sockets. The first becomes the child's standard input and output. Over the second the starter is told how
the child ended, as `ENDED`; by closing it for writing the starter has the child killed. When the starter goes, so do
the children and then the server. The server touches nothing that a child has touched.
"""

import contextlib
import json
import os
import resource
import selectors
import signal
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final

from ingest.decoder_talk import ENDED

_JOB_BYTES: Final = 4096


def serve(run: Callable[[Sequence[str]], Any]) -> None:
    """Fork a child that does `run(words)` for every job, until the starter is gone.

    A child ends with status 0 when `run` returns, else with 1.
    """
    control = socket.socket(fileno=os.dup(0))
    woken, waker = socket.socketpair()
    for one in (woken, waker):
        one.setblocking(False)  # noqa: FBT003 - the name of the argument is not public
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the starter decides when we end
    children: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as ready:
        ready.register(control, selectors.EVENT_READ)
        ready.register(woken, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.fileobj is control:
                    message, (*sockets,), *_ = socket.recv_fds(control, _JOB_BYTES, 2)
                    if not message:
                        _kill(children)
                        return
                    pid, link = _fork(run, json.loads(message), *sockets)
                    children[pid] = link
                    ready.register(link, selectors.EVENT_READ, pid)
                elif key.fileobj is woken:
                    woken.recv(_JOB_BYTES)
                    _bury(children, ready)
                elif key.data in children:
                    ready.unregister(key.fileobj)
                    os.kill(key.data, signal.SIGKILL)


def _fork(run: Callable[[Sequence[str]], Any], words: Sequence[str], talk: int, link: int) -> tuple[int, socket.socket]:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(talk, 0)
            os.dup2(talk, 1)
            os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
            run(words)
            status = 0
        finally:
            os._exit(status)
    os.close(talk)
    return pid, socket.socket(fileno=link)


def _bury(children: dict[int, socket.socket], ready: selectors.BaseSelector) -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            link = children.pop(pid)
            with contextlib.suppress(KeyError):
                ready.unregister(link)
            with contextlib.suppress(OSError):
                link.send(ENDED.pack(os.waitstatus_to_exitcode(status)))
            link.close()


def _kill(children: dict[int, socket.socket]) -> None:
    for pid in children:
        os.kill(pid, signal.SIGKILL)
