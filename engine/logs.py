"""Structured logs: one event name per fact, ids always, personal data never."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.typing import Processor


def configure(level: str, process: str) -> None:
    """Write JSON lines to stderr, each naming the process; other libraries' warnings go the same way."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared = _shared(process)
    structlog.configure(
        processors=[*shared, _json()],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    _take_in_foreign(shared, max(number, logging.WARNING))


def _shared(process: str) -> list[Processor]:
    def name(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.setdefault("process", process)  # no context variable: a thread begins without them
        return event

    return [
        structlog.contextvars.merge_contextvars,
        name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]


def _json() -> Processor:
    return structlog.processors.JSONRenderer(ensure_ascii=False)


def _take_in_foreign(shared: list[Processor], level: int) -> None:
    """Have what other libraries log or warn of written as JSON lines too."""
    handler = _Stderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _json()],
        )
    )
    root = logging.getLogger()
    for each in [each for each in root.handlers if isinstance(each, _Stderr)]:
        root.removeHandler(each)
    root.addHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(True)


class _Stderr(logging.Handler):
    """Writes to what is standard error at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; called by logging."""
        sys.stderr.write(self.format(record) + "\n")
