"""Channel `log`: writes each touch, body included, as one JSON line to standard output or a file."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import Field

from engine.channels.config import ChannelConfig, Text
from engine.core.errors import ChannelError
from engine.core.sentence import Sentence
from engine.ports import Delivery, Receipt

_SENT = Receipt("sent", Sentence("written to the log"))
_UNWRITABLE = Receipt("failed", Sentence("the body cannot be written as JSON"))
_STDOUT = threading.Lock()  # two channels of one process share the stream


class LogConfig(ChannelConfig):
    """Config of a `log` channel."""

    type: Literal["log"] = Field(description="log: writes each touch, body included, as one JSON line.")
    path: Text | None = Field(None, min_length=1, description="File to append to. Unset: standard output.")


class LogChannel:
    """Shows what would reach customers. Alone among the engine's logs it contains message bodies: its purpose."""

    batch_size = 500
    timeout = 30.0
    honours_key = True
    concurrency = 2

    def __init__(self, name: str, config: LogConfig, *, now: Callable[[], datetime]) -> None:
        """Make the channel `name`; `now` gives the time written into the lines.

        Raises:
            ChannelError: the file cannot be opened for appending.
        """
        self.name = name
        self.rate = config.rate
        self._now = now
        self._path = Path(config.path) if config.path is not None else None
        if self._path is not None:
            _try_open(name, self._path)

    def __repr__(self) -> str:
        return f"LogChannel({self.name!r})"

    def send(self, deliveries: Sequence[Delivery]) -> list[Receipt]:
        """Write one line per delivery, all of them in one write, and tell what became of each."""
        timestamp = self._now().astimezone(UTC).isoformat().replace("+00:00", "Z")
        lines = [_line(delivery, timestamp) for delivery in deliveries]
        try:
            self._write(b"".join(line for line in lines if line is not None))
        except OSError as error:
            why = error.strerror or type(error).__name__
            written = Receipt("retry", Sentence("the log cannot be written: {error}", error=why))
        else:
            written = _SENT
        return [written if line is not None else _UNWRITABLE for line in lines]

    def _write(self, block: bytes) -> None:
        if not block:
            return
        if self._path is None:
            _write_stdout(block)
        else:
            _append(self._path, block)


def _line(delivery: Delivery, timestamp: str) -> bytes | None:
    fields: dict[str, Any] = {
        "event": "touch.out",
        "level": "info",
        "timestamp": timestamp,
        "key": delivery.key,
        "customer": delivery.customer,
        "sop": delivery.sop,
        "step": delivery.step,
        "kind": delivery.kind,
        "body": delivery.body,
    }
    try:
        return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:
        return None


def _write_stdout(block: bytes) -> None:
    buffer = getattr(sys.stdout, "buffer", None)
    with _STDOUT:
        if buffer is None:  # a stand-in for the stream, such as Celery's, takes text only
            sys.stdout.write(block.decode())
        else:
            sys.stdout.flush()
            buffer.write(block)
        sys.stdout.flush()


def _append(path: Path, block: bytes) -> None:
    """Append in one write, so lines of several processes do not interleave; opened anew each time, for log rotation."""
    file = _open(path)
    try:
        view = memoryview(block)
        while view:
            view = view[os.write(file, view) :]
    finally:
        os.close(file)


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)  # bodies are personal data


def _try_open(name: str, path: Path) -> None:
    try:
        os.close(_open(path))
    except OSError as error:
        raise ChannelError(
            Sentence(
                "channel `{name}`: path: {path} cannot be opened for appending ({error}); "
                "create its folder, or let the engine's user write there.",
                name=name,
                path=path,
                error=error.strerror,
            )
        ) from error
