"""What machines ask the service: is it alive, can it work, how is it doing."""

from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from mscbank.core import clock, keeping, schema
from mscbank.core.db import engines, session
from mscbank.core.errors import Missing
from mscbank.core.instance import instance_or_none
from mscbank.core.jobs import Heartbeat
from mscbank.core.shelf import shelf

health = Blueprint("health", __name__)

SILENT_AFTER = timedelta(minutes=2)
REQUESTS = Counter(
    "mscbank_requests_total", "Requests by route, method and status", ["route", "method", "status"]
)
SECONDS = Histogram("mscbank_request_seconds", "Seconds of a request by route", ["route"])
UNKEPT = Gauge("mscbank_checkpoint_unkept_seconds", "Seconds for which a checkpoint waits to be kept outside")
CLOCKWORK = Gauge("mscbank_clockwork_age_seconds", "Seconds since the clockwork was last heard")


def clockwork_age() -> timedelta | None:
    """How long the clockwork has been silent; ``None`` when it was never heard."""
    last = session.scalar(select(Heartbeat.beat_at).order_by(Heartbeat.beat_at.desc()).limit(1))
    return None if last is None else clock.now() - last


def _is_named(address: str | None) -> bool:
    networks = current_app.config["MSCBANK"].words("MSCBANK_METRICS_FROM")
    try:
        where = ip_address(address or "")
    except ValueError:
        return False
    return any(where in ip_network(network) for network in networks)


@health.get("/healthz")
def alive() -> Any:
    """The process answers."""
    return jsonify(status="ok")


@health.get("/readyz")
def ready() -> Any:
    """The database answers, its schema is this version's, the clockwork is alive, a virus scanner is set."""
    try:
        with engines().read.connect() as connection:
            connection.execute(text("SELECT 1"))
            in_step = schema.in_step(connection)
        age = clockwork_age()
        known = instance_or_none() is not None
    except SQLAlchemyError:
        return jsonify(status="no database"), 503
    beating = age is not None and age < SILENT_AFTER
    ok = in_step and known
    body = {
        "status": "ok" if ok else "not ready", "schema": in_step, "clockwork": beating,
        "scanner": bool(shelf().scanner),
    }  # fmt: skip
    return jsonify(body), 200 if ok else 503


@health.get("/metrics")
def metrics() -> Response:
    """Figures for Prometheus; no person and no code in them, and for the networks that were named only."""
    if not _is_named(request.remote_addr):
        raise Missing
    age = clockwork_age()
    CLOCKWORK.set(age.total_seconds() if age is not None else -1)
    since = keeping.waits_since()
    UNKEPT.set((clock.now() - since).total_seconds() if since is not None else 0)
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)
