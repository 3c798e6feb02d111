"""Child processes that cannot outlive their parent, however the parent ends."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

# The shell keeps a reader on a pipe whose other end only the parent holds, then turns into the command itself.
# When the parent ends, even by kill -9, the pipe closes and the reader kills the command. Unlike
# PR_SET_PDEATHSIG this works on every Unix, and does not fire when merely the thread that started it ends.
_TETHER: Final = 'exec 3<&0 </dev/null; { read -r _ <&3; kill -9 $$; } >/dev/null 2>&1 & exec 3<&-; exec "$@"'


class Child:
    """A running command, tethered to this process: it is killed when this process ends.

    It has a session of its own, so a Ctrl-C at the terminal reaches the parent alone, which then decides in
    which order its children stop.

    Args:
        command: program and arguments.
        log: file that takes the command's output and errors; None: they go where this process's go.
        environment: the command's whole environment; None: this process's.
        directory: where it runs; None: here.

    Raises:
        FileNotFoundError: this machine has no POSIX shell.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path | None = None,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> None:
        self.command = tuple(str(part) for part in command)
        self.log = log
        output: IO[bytes] | None = None if log is None else log.open("ab")
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _TETHER, "sh", *self.command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=None if output is None else subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                cwd=directory,
                start_new_session=True,
            )
        finally:
            if output is not None:
                output.close()

    @property
    def pid(self) -> int:
        """Process id of the command itself, not of a shell around it."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the command has not ended yet."""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Waits until the command ends, and returns its exit code.

        Args:
            timeout: s; None waits for ever.

        Raises:
            TimeoutError: it still runs.
        """
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.command[0]} (pid {self.pid}) still runs after {timeout} s") from None
        self._untie()
        return code

    def stop(self, timeout: float = 10.0) -> int:
        """Asks the command to end (SIGTERM), kills it if it does not, and returns its exit code.

        Args:
            timeout: s it may take to end by itself.
        """
        if self.running:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self.wait(timeout)
        except TimeoutError:
            return self.kill()

    def kill(self) -> int:
        """Ends the command at once (SIGKILL), as a crash would, and returns its exit code."""
        if self.running:
            self._process.kill()
        return self.wait()

    def tail(self, lines: int = 20) -> str:
        """The last lines of the log: for the message of whoever finds the command dead."""
        if self.log is None or not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _untie(self) -> None:
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
