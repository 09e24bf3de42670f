"""Serving: gunicorn with threads, and the clockwork beside it."""

import json
import logging
import multiprocessing
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from mscbank.app import connect, create_app, load_steps, refuse_unfit_key
from mscbank.config import Config, Unsafe, refuse_unsafe_service
from mscbank.core import db, jobs, logs, schema
from mscbank.core.db import engines

GRACE_SECONDS = 20


class Lines(logging.Formatter):
    """The server's own words as lines of JSON too, so that one reader reads all."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever was in it."""
        line = {"event": record.getMessage(), "level": record.levelname.lower(), "logger": "server"}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        line["timestamp"] = datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")
        return json.dumps(line)


class ServerLog(Logger):
    """Gunicorn's log, in our lines."""

    def setup(self, cfg: Any) -> None:
        """As gunicorn does, with another form of the lines."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(Lines())


def modern_tls(_config: Any, make: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """TLS 1.2 with forward secrecy and authenticated encryption, and TLS 1.3; nothing older (RFC 9325)."""
    context = make()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    return context


class Service(BaseApplication):
    """Gunicorn with our settings; every worker makes its own application after the fork."""

    def __init__(self, config: Config) -> None:
        self.settings = config
        super().__init__()

    def load_config(self) -> None:
        """Hand our settings to gunicorn."""
        for name, value in {
            "bind": self.settings["MSCBANK_BIND"],
            "workers": self.settings.number("MSCBANK_WORKERS"),
            "threads": self.settings.number("MSCBANK_THREADS"),
            "worker_class": "gthread",
            "graceful_timeout": GRACE_SECONDS,
            "limit_request_line": 4094,
            "limit_request_fields": 64,
            "limit_request_field_size": 8190,
            "forwarded_allow_ips": "",  # what is in front is named by MSCBANK_PROXIES alone
            "loglevel": "warning",
            "logger_class": ServerLog,
            "proc_name": "mscbank",
            "certfile": self.settings["MSCBANK_TLS_CERTIFICATE"] or None,
            "keyfile": self.settings["MSCBANK_TLS_KEY"] or None,
            "ssl_context": modern_tls,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The application of one worker."""
        return create_app(self.settings)


def clockwork(config: Config) -> None:
    """The clockwork in a process of its own; it goes when the service goes."""
    load_steps()
    connect(config)
    logs.configure(config["MSCBANK_LOG_LEVEL"])
    jobs.work()


def ready(config: Config) -> None:
    """Refuse to serve a database that does not stand at this version, in one sentence."""
    load_steps()
    refuse_unsafe_service(config)
    connect(config)
    with engines().read.connect() as connection:
        if not schema.in_step(connection):
            raise Unsafe("The database does not stand at this version: run `mscbank db upgrade` first.")
        if not config.demonstration and schema.may_change_tables(connection):
            raise Unsafe(
                "The role of MSCBANK_DATABASE_URL owns the tables, or may do anything: it could switch the "
                "guards off. Take one that owns nothing (`mscbank db upgrade --service-role`)."
            )
    refuse_unfit_key()
    db.disconnect()


def serve(config: Config) -> None:
    """Serve until stopped; the clockwork is not called silent while it is being started."""
    ready(config)
    connect(config)
    jobs.beat("starting")
    db.disconnect()
    beside = multiprocessing.get_context("spawn").Process(target=clockwork, args=(config,), daemon=True)
    beside.start()
    try:
        Service(config).run()
    finally:
        beside.terminate()
