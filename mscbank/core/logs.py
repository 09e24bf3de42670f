"""Structured logs: one JSON line an event, codes and logins only, no names, no request bodies."""

import logging
import sys

import structlog

FORBIDDEN = frozenset(
    {"password", "secret", "token", "name", "family_name", "given_name", "born_on", "wristband"}
)


def _scrub(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    for key in FORBIDDEN & event.keys():
        event[key] = "…"
    return event


def configure(level: str = "info") -> None:
    """Write JSON lines to standard error from this level on."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _scrub,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper(), logging.INFO)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
