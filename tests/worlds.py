"""Databases that a test starts from: built once a session by real actions, copied for each test."""

from mscbank.app import load_steps
from mscbank.core import schema
from tests import postgres

MASTER_KEY = "dGVzdHMgb25seSwgMzIgYnl0ZXMsIG5vdCBzZWNyZXQ="
ZONE = "Europe/Paris"
PREFIX = "T1"


def build_empty(url: str) -> None:
    """The whole schema with its guards and grants, and nobody in it."""
    load_steps()
    role = postgres.SERVICE if url.startswith("postgresql") else None
    schema.upgrade(
        postgres.owner_url(url), service_role=role, name="Test bank", zone=ZONE, prefix=PREFIX, demonstration=False
    )
