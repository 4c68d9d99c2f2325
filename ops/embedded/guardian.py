"""Stands between the service and PostgreSQL: once the service is gone, however it went, the server stops (prctl(2)).

A program of its own, started as `guardian.py COMMAND …` with a pipe as its standard input: the pipe's end is the
service's end. It starts a server again that was killed, and a guardian that is killed takes its server with it.
Imports nothing outside the standard library: it may run as a user who can read no more than that.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_STOPS = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))  # fast, immediate, none
_RESTARTS_MAX = 40
_RESTART_SECONDS = 0.25
_STEADY_SECONDS = 30.0


class Guardian:
    """Keeps one server running until its standard input ends."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._server: subprocess.Popen[bytes] | None = None
        self._changing = threading.Lock()
        self._stopping = threading.Event()

    def run(self) -> int:
        """Run the server; return its exit status once it ended for good."""
        threading.Thread(target=self._stop_on_silence, daemon=True).start()
        restarts, status = 0, 0
        while server := self._started():
            began = time.monotonic()
            status = server.wait()
            restarts = 0 if time.monotonic() - began > _STEADY_SECONDS else restarts
            # What is left of a killed server may refuse the first restarts; a server that ends by itself meant it.
            if not (status < 0 or restarts) or restarts >= _RESTARTS_MAX:
                break
            restarts += 1
            self._stopping.wait(_RESTART_SECONDS)
        return abs(status)

    def _started(self) -> "subprocess.Popen[bytes] | None":
        with self._changing:
            if self._stopping.is_set():
                return None
            # The folder's lock is among the open files: it is free only when the server's last process has gone.
            self._server = subprocess.Popen(  # noqa: S603 - the command is our own
                self._command,
                stdin=subprocess.DEVNULL,
                close_fds=False,
                preexec_fn=_bound_to(os.getpid()),  # noqa: PLW1509 - nothing but a system call happens in it
            )
            return self._server

    def _stop_on_silence(self) -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        self._stopping.set()
        with self._changing:
            server = self._server
        for number, patience in _STOPS:
            if server is not None:
                server.send_signal(number)
            time.sleep(patience)


def _bound_to(guardian: int) -> Callable[[], None]:
    libc = ctypes.CDLL(None)

    def bind() -> None:
        if sys.platform == "linux":
            libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT))
        if os.getppid() != guardian:  # it went before the line above
            os._exit(1)

    return bind


def main() -> int:
    """Guard the command given as arguments."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # Who stops all processes of a service at once stops the service, which still needs its database to finish.
        signal.signal(number, lambda *_: None)
    return Guardian(sys.argv[1:]).run()


if __name__ == "__main__":
    sys.exit(main())
