"""An authenticator in software (WebAuthn, ES256, no attestation), which can also do what none should."""

import json
from hashlib import sha256
from secrets import token_bytes
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import bytes_to_base64url as b64

from mscbank.core.db import session
from mscbank.staff import enrolling, factors, passkeys, people
from mscbank.staff.models import User

ORIGIN = "https://bank.example"
PRESENT, VERIFIED, ATTESTED = 1, 4, 64


class Key:
    """One passkey: answers what it is asked, as told."""

    def __init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.id = token_bytes(32)
        self.count = 0
        self.handle = b""

    def make(self, options: dict[str, Any], **how: Any) -> str:
        """The answer to a challenge to register."""
        self.handle = passkeys.base64url_to_bytes(options["user"]["id"])
        numbers = self.private.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(public)
        client, data = self._said("webauthn.create", options, ATTESTED, attested, **how)
        made = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer(clientDataJSON=client, attestationObject=made)

    def answer(self, options: dict[str, Any], **how: Any) -> str:
        """The answer to a challenge to sign in or to sign."""
        self.count += how.pop("steps", 1)
        client, data = self._said("webauthn.get", options, 0, b"", **how)
        signature = self.private.sign(data + sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._answer(
            clientDataJSON=client, authenticatorData=data, signature=signature, userHandle=self.handle
        )

    def _said(
        self, kind: str, options: dict[str, Any], flags: int, more: bytes, *, origin: str = ORIGIN,
        verified: bool = True, rp_id: str = "bank.example",
    ) -> tuple[bytes, bytes]:  # fmt: skip
        client = json.dumps({"type": kind, "challenge": options["challenge"], "origin": origin}).encode()
        flags |= PRESENT | (VERIFIED if verified else 0)
        return client, sha256(rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big") + more

    def _answer(self, **response: bytes) -> str:
        said = {name: b64(value) for name, value in response.items()}
        return json.dumps({"id": b64(self.id), "rawId": b64(self.id), "type": "public-key", "response": said})


def added(login: str, name: str = "blue key") -> Key:
    """A passkey added to an account."""
    by, key = people.load(login), Key()
    assert by is not None
    made = passkeys.registered(key.make(passkeys.to_register(by, ORIGIN)), login)
    assert made is not None
    user = session.query(User).filter(User.code == login).one()
    _codes, kept = factors.new_recovery_codes(login)
    enrolling.add_passkey(
        user, by=by, name=name, credential_id=made.credential_id, public_key=made.public_key,
        code_hashes=[] if by.factors else kept,
    )  # fmt: skip
    session.rollback()
    return key
