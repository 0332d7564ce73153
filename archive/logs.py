"""How this process logs: events are words with fields, one line of JSON each, on standard error."""

import logging
import sys

import structlog


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
    logging.basicConfig(
        level=logging.ERROR, format='{"event": "library", "name": "%(name)s", "level": "%(levelname)s"}'
    )
