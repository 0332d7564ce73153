"""How this process logs: events are words with fields, one line of JSON each, on standard error."""

import json
import logging
import sys

import structlog


class _Reticent(logging.Formatter):
    """Says that a library complained, and not what: messages and tracebacks repeat what was sent, tokens included."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON with the library's name, the level, and the kind of the exception."""
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        said = {"event": "library", "name": record.name, "level": record.levelname.lower(), "kind": kind}
        return json.dumps(said)


def configure(level: str) -> None:
    """Set up structlog for one process; `level` is debug, info, warning or error.

    aiohttp's own access log is not used: it would write addresses, and addresses may hold what was searched for.
    """
    number = getattr(logging, level.upper())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.EventRenamer("event"),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Reticent())
    logging.basicConfig(level=logging.ERROR, handlers=[handler], force=True)
