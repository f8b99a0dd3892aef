# SPDX-License-Identifier: Apache-2.0
"""Logs are facts about the machine, not the people: ids yes; numbers, names, addresses never. JSON, to stderr."""

import logging
import sys

import structlog


def set_up() -> None:
    """One JSON object a line: event, level, time, and what the event carries."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
