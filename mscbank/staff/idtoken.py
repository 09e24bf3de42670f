"""An ID token is believed or not: signature, issuer, audience, nonce, time (OpenID Connect Core, 3.1.3.7).

Pure: the token, the keys of the issuer and what was asked go in; who it was comes out, or why not.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from authlib.oidc.core import CodeIDToken
from cryptography.exceptions import InvalidKey, UnsupportedAlgorithm
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, RSAKey

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
              "Ed25519")  # fmt: skip
"""Signatures by a private key alone: no ``none``, no shared secret (RFC 8725, 3.1 and 3.2)."""
LEAST_RSA_BITS = 2048
LONGEST_SUBJECT = 255
LONGEST_TOKEN = 16_384
SKEW = timedelta(minutes=1)
"""How far the provider's clock and ours may be apart."""
LIVES = timedelta(minutes=10)
"""How old an ID token may be that has only just been fetched."""
KINDS = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
"""Algorithm → the kind of its key, so that no key is used for another algorithm (RFC 8725, 3.1)."""
BROKEN = (JoseError, UnsupportedAlgorithm, InvalidKey, ValueError, TypeError, KeyError, AttributeError,
          IndexError, OverflowError, RecursionError)  # fmt: skip
"""What a malformed token or key raises on its way."""


class Untrusted(Exception):
    """What the provider answered is not believed; the words say why, for the log and the record."""


class UnknownKey(Untrusted):
    """The token names a key that is not among those known: the provider may have changed its keys."""


@dataclass(frozen=True)
class Expected:
    """What was asked, and by whom."""

    issuer: str
    client_id: str
    nonce: str
    access_token: str | None
    """Only to compare it with the hash in the ID token; it is used for nothing else."""


@dataclass(frozen=True)
class Told:
    """Who it was, as the provider says: the subject is the issuer's and never given to somebody else."""

    issuer: str
    subject: str
    authenticated_at: datetime | None
    acr: str | None
    amr: frozenset[str]


def verified(token: str, keys: Sequence[Mapping[str, Any]], asked: Expected, now: datetime) -> Told:
    """Who an ID token is about; ``Untrusted`` when anything does not hold, ``UnknownKey`` for its key."""
    if len(token) > LONGEST_TOKEN:
        raise Untrusted("the ID token is too long")
    try:
        header = _header(token)
        claims = _signed(token, header, _key(header, keys))
        _judge(claims, header, asked, now)
        return _told(claims)
    except BROKEN as error:
        raise Untrusted(f"the ID token is not readable ({type(error).__name__})") from None


def _header(token: str) -> dict[str, Any]:
    """The header, judged before anything is believed: an algorithm of the list, and an ID token at all."""
    part = token.split(".", 1)[0]
    header = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    if header.get("alg") not in ALGORITHMS:
        raise Untrusted("the ID token is signed with an algorithm that is not allowed")
    if header.get("typ", "JWT") != "JWT" or "crit" in header:
        raise Untrusted("the token is not an ID token")
    found: dict[str, Any] = header
    return found


def _key(header: Mapping[str, Any], keys: Sequence[Mapping[str, Any]]) -> Key:
    """The issuer's public key for this header: by its name, or the only one of the kind."""
    alg = str(header["alg"])
    fit = [
        one for one in keys
        if one.get("kty") == KINDS[alg[:2]] and one.get("use", "sig") == "sig" and one.get("alg", alg) == alg
    ]  # fmt: skip
    if "kid" in header:
        fit = [one for one in fit if one.get("kid") == header["kid"]]
    if not fit:
        raise UnknownKey("the ID token is signed with a key that the provider does not show")
    if len(fit) > 1:
        raise Untrusted("the ID token does not say which key signed it")
    public = {name: value for name, value in fit[0].items() if name in ("kty", "crv", "n", "e", "x", "y")}
    key = JWKRegistry.import_key(public)
    if isinstance(key, RSAKey) and key.public_key.key_size < LEAST_RSA_BITS:
        raise Untrusted("the provider's key is too weak")
    return key


def _signed(token: str, header: Mapping[str, Any], key: Key) -> dict[str, Any]:
    registry = jws.JWSRegistry(algorithms=[str(header["alg"])], strict_check_header=False)
    try:
        payload = jws.deserialize_compact(token.encode("ascii"), key, registry=registry).payload
    except JoseError:
        raise Untrusted("the signature of the ID token does not hold") from None
    claims = json.loads(payload or b"")
    if not isinstance(claims, dict):
        raise Untrusted("the ID token holds no claims")
    return claims


def _judge(claims: dict[str, Any], header: dict[str, Any], asked: Expected, now: datetime) -> None:
    if claims.get("iss") != asked.issuer:
        raise Untrusted("the ID token is from another issuer")
    audience = claims.get("aud")
    if audience != asked.client_id and audience != [asked.client_id]:
        raise Untrusted("the ID token is for somebody else")
    if claims.get("azp", asked.client_id) != asked.client_id:
        raise Untrusted("the ID token was issued to somebody else")
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), asked.nonce.encode()):
        raise Untrusted("the ID token answers another request")
    issued, expires, begins = (_instant(claims, name) for name in ("iat", "exp", "nbf"))
    if issued is None or expires is None:
        raise Untrusted("the ID token does not say when it holds")
    if now >= expires + SKEW:
        raise Untrusted("the ID token has expired")
    if max(issued, begins or issued) > now + SKEW or issued < now - LIVES:
        raise Untrusted("the ID token is not of this time")
    told = claims.get("at_hash")
    if (
        told is not None
        and asked.access_token is not None
        and told != _half(asked.access_token, header["alg"])
    ):
        raise Untrusted("the ID token belongs to another access token")
    params = {"nonce": asked.nonce, "client_id": asked.client_id}
    CodeIDToken(claims, header, params=params).validate(
        now=int(now.timestamp()), leeway=int(SKEW.total_seconds())
    )


def _half(access_token: str, alg: str) -> str:
    """The left half of the hash of an access token, by the algorithm of the ID token (Core, 3.1.3.6)."""
    bits = alg[2:] if alg[2:] in ("256", "384", "512") else "512"
    digest = hashlib.new(f"sha{bits}", access_token.encode("ascii")).digest()
    return urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")


def _told(claims: Mapping[str, Any]) -> Told:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
        raise Untrusted("the ID token names nobody")
    acr, amr = claims.get("acr"), claims.get("amr", [])
    return Told(
        str(claims["iss"]), subject, _instant(claims, "auth_time"), acr if isinstance(acr, str) else None,
        frozenset(one for one in amr if isinstance(one, str)),
    )  # fmt: skip


def _instant(claims: Mapping[str, Any], name: str) -> datetime | None:
    """A time in seconds since 1970; ``Untrusted`` when it is none."""
    if name not in claims:
        return None
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int):
        raise Untrusted(f"{name} of the ID token is no time")
    return datetime.fromtimestamp(value, UTC)
