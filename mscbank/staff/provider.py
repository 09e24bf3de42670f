"""The OpenID provider of the settings: what it says of itself, its keys, and whom it has just recognised.

The only address that is called is the issuer of the settings and what its own metadata name. Tokens are
fetched, judged and dropped: none is kept, none is ever sent anywhere.
"""

import base64
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import structlog
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.discovery import get_well_known_url

from mscbank.core import clock
from mscbank.staff.idtoken import Expected, Told, UnknownKey, Untrusted, verified

log = structlog.get_logger()

WAIT_SECONDS = 5
"""For one answer of the provider, all of it."""
LARGEST_ANSWER = 256 * 1024
KEPT_SECONDS = 3600
"""How long metadata and keys are used before they are fetched again."""
AGAIN_AFTER_SECONDS = 30
"""How soon an unknown key may make the service ask for keys once more."""
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class Unreachable(Untrusted):
    """The provider did not answer, or not in time."""


@dataclass(frozen=True)
class Settings:
    """How the installation is known to its provider."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str = ""
    acr: frozenset[str] = frozenset()
    amr: frozenset[str] = frozenset()
    prompt: str = "login"
    """``login``: recognised anew at each sign-in; ``provider``: the provider decides by itself."""

    @property
    def tells_strength(self) -> bool:
        """Whether the settings say what the provider calls a second factor."""
        return bool(self.acr or self.amr)


def is_encrypted(address: str) -> bool:
    """Whether an address is https; plain http is for this machine alone."""
    parts = urlsplit(address)
    if parts.scheme == "https" and parts.hostname:
        return True
    return parts.scheme == "http" and is_loopback(parts.hostname or "")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class _Straight(urllib.request.HTTPRedirectHandler):
    """Goes to the address that was asked for and nowhere else."""

    def redirect_request(self, *_request: Any) -> None:
        """No other address: the redirect is an error."""


_straight = urllib.request.build_opener(_Straight)


def _ask(address: str, sent: bytes | None = None, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The JSON object that the provider answers: small, in time, from just this address."""
    until = time.monotonic() + WAIT_SECONDS
    request = urllib.request.Request(  # noqa: S310 - judged by is_encrypted before
        address, sent, {"Accept": "application/json", **(headers or {})}
    )
    read = b""
    try:
        with _straight.open(request, timeout=WAIT_SECONDS) as answer:
            while part := answer.read1(65_536):
                read += part
                if len(read) > LARGEST_ANSWER:
                    raise Untrusted("the provider's answer is too large")
                if time.monotonic() > until:
                    raise Unreachable("the provider answers too slowly")
    except urllib.error.HTTPError as error:
        error.close()
        unable = error.code >= 500
        raise (Unreachable if unable else Untrusted)(f"the provider answered {error.code}") from None
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"the provider does not answer ({type(error).__name__})") from None
    try:
        found = json.loads(read)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Untrusted("the provider's answer is no JSON object")
    return found


class Provider:
    """The one provider of this installation, with what it said of itself, for an hour."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._metadata: tuple[dict[str, Any], float] | None = None
        self._keys: tuple[list[Mapping[str, Any]], float] | None = None

    def metadata(self) -> dict[str, Any]:
        """What the issuer says of itself; another issuer's words are not believed (Discovery 1.0, 4.3)."""
        if self._metadata is not None and time.monotonic() - self._metadata[1] < KEPT_SECONDS:
            return self._metadata[0]
        found = _ask(get_well_known_url(self.settings.issuer, external=True))
        if found.get("issuer") != self.settings.issuer:
            raise Untrusted("the metadata are of another issuer")
        for name in ENDPOINTS:
            if not isinstance(found.get(name), str) or not self._is_safe(found[name]):
                raise Untrusted(f"the metadata have no safe {name}")
        self._metadata = (found, time.monotonic())
        return found

    def _is_safe(self, address: str) -> bool:
        plain = urlsplit(self.settings.issuer).scheme == "http"
        return is_encrypted(address) if plain else urlsplit(address).scheme == "https"

    def _keys_known(self, *, anew: bool = False) -> list[Mapping[str, Any]]:
        held = self._keys
        wanted = AGAIN_AFTER_SECONDS if anew else KEPT_SECONDS
        if held is not None and time.monotonic() - held[1] < wanted:
            return held[0]
        found = _ask(self.metadata()["jwks_uri"]).get("keys")
        if not isinstance(found, list):
            raise Untrusted("the provider shows no keys")
        keys: list[Mapping[str, Any]] = [one for one in found if isinstance(one, dict)]
        self._keys = (keys, time.monotonic())
        return keys

    def address_to_ask(
        self, *, redirect_uri: str, state: str, nonce: str, verifier: str, max_age: int, prompt: str
    ) -> str:
        """Where the browser goes so that the provider recognises somebody: code flow, PKCE, state, nonce."""
        more = {
            "nonce": nonce, "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256", "max_age": max_age,
            "acr_values": " ".join(sorted(self.settings.acr)) or None,
            "prompt": None if prompt == "provider" else prompt,
        }  # fmt: skip
        return str(
            prepare_grant_uri(
                self.metadata()["authorization_endpoint"], self.settings.client_id, "code", redirect_uri,
                "openid", state, **more,
            )
        )  # fmt: skip

    def told(self, code: str, *, redirect_uri: str, nonce: str, verifier: str) -> Told:
        """Whom the provider recognised, for a code that it gave to the browser; ``Untrusted`` otherwise."""
        given = _ask(self.metadata()["token_endpoint"], *self._exchange(code, redirect_uri, verifier))
        token, access = given.get("id_token"), given.get("access_token")
        if not isinstance(token, str):
            raise Untrusted("the provider gave no ID token")
        own = self.settings
        asked = Expected(own.issuer, own.client_id, nonce, access if isinstance(access, str) else None)
        try:
            return verified(token, self._keys_known(), asked, clock.now())
        except UnknownKey:
            return verified(token, self._keys_known(anew=True), asked, clock.now())

    def _exchange(self, code: str, redirect_uri: str, verifier: str) -> tuple[bytes, dict[str, str]]:
        """Body and headers of the exchange; the client shows itself as the metadata ask (RFC 6749, 2.3.1)."""
        own = self.settings
        sent = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }  # fmt: skip
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        ways = self.metadata().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if isinstance(ways, list) and "client_secret_basic" not in ways and "client_secret_post" in ways:
            sent |= {"client_id": own.client_id, "client_secret": own.client_secret}
        else:
            pair = f"{quote(own.client_id, safe='')}:{quote(own.client_secret, safe='')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        return urlencode(sent).encode(), headers

    @property
    def says_who_answers(self) -> bool:
        """Whether each answer of this provider names it (RFC 9207)."""
        return self.metadata().get("authorization_response_iss_parameter_supported") is True

    def is_strong(self, told: Told) -> bool:
        """Whether the provider told a strength that the settings call a second factor."""
        return told.acr in self.settings.acr or not told.amr.isdisjoint(self.settings.amr)


_provider: list[Provider] = []


def open_provider(settings: Settings | None) -> None:
    """Use this provider in this process, or none."""
    _provider[:] = [] if settings is None else [Provider(settings)]


def in_use() -> Provider | None:
    """The provider of this installation, where there is one."""
    return _provider[0] if _provider else None
