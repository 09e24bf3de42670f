"""An OpenID provider on loopback with keys of its own: a real one over HTTP, which can also misbehave."""

import base64
import hashlib
import hmac
import html
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from mscbank.staff import provider
from mscbank.staff.provider import Settings

CLIENT, SECRET = "mscbank", "between the provider & us"
_RSA = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@dataclass
class Idp:
    """The provider's behaviour; whatever a test changes holds until it ends."""

    address: str = ""
    who: str = "s-ana"
    """The subject that the person at the provider's page is."""
    key: Key = field(default_factory=lambda: _RSA)
    alg: str = "RS256"
    shown: list[dict[str, Any]] = field(default_factory=list)
    """The keys at its jwks_uri; its own when empty."""
    claims: dict[str, Any] = field(default_factory=dict)
    """Claims put in the place of the right ones; ``None`` leaves one out."""
    header: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    back: dict[str, str | None] = field(default_factory=dict)
    """Parameters of its answer to the browser put in the place of the right ones."""
    token: dict[str, Any] = field(default_factory=dict)
    forge: Callable[[str, "Idp"], str] = lambda token, idp: token
    broken: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    """Path → what is done in place of an answer."""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """The paths that were asked for, in order."""
    given: list[dict[str, Any]] = field(default_factory=list)
    """What it handed to the service at its token endpoint."""

    def reset(self) -> None:
        """Be honest again."""
        fresh = Idp(self.address)
        self.__dict__.update(fresh.__dict__)

    def settings(self, **more: Any) -> Settings:
        return Settings(self.address, CLIENT, SECRET, **{"name": "House login"} | more)

    # --- what it answers ---------------------------------------------------------------------------------

    def configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.address, "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token", "jwks_uri": f"{self.address}/jwks",
            "authorization_response_iss_parameter_supported": True,
        } | self.metadata  # fmt: skip

    def keys(self) -> dict[str, Any]:
        return {"keys": self.shown or [self.key.as_dict(private=False)]}

    def answer(self, asked: dict[str, str]) -> str:
        """Where the browser is sent once the person was recognised."""
        code = token_urlsafe(16)
        self.codes[code] = asked | {"auth_time": str(int(time.time())), "who": self.who}
        params = {"code": code, "state": asked["state"], "iss": self.address} | self.back
        kept = {name: value for name, value in params.items() if value is not None}
        return asked["redirect_uri"] + "?" + urlencode(kept)

    def exchange(self, sent: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        found = self.codes.pop(sent["code"], None)
        quoted = urllib.parse.quote(SECRET, safe="")
        made = b64(hashlib.sha256(sent["code_verifier"].encode()).digest())
        if found is None or pair != f"{CLIENT}:{quoted}" or made != found["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        if sent["redirect_uri"] != found["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        access = token_urlsafe(24)
        answer = {
            "access_token": access, "token_type": "Bearer", "id_token": self.id_token(found, access),
        } | self.token  # fmt: skip
        self.given.append(answer)
        return 200, answer

    def id_token(self, asked: dict[str, str], access: str) -> str:
        now = int(time.time())
        half = hashlib.sha256(access.encode()).digest()[:16]
        claims = {
            "iss": self.address, "sub": asked["who"], "aud": CLIENT, "exp": now + 300, "iat": now,
            "nonce": asked["nonce"], "auth_time": int(asked["auth_time"]), "at_hash": b64(half),
        } | self.claims  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.alg, "kid": self.key.kid, "typ": "JWT"} | self.header
        header = {name: value for name, value in header.items() if value is not None}
        registry = jws.JWSRegistry(algorithms=[self.alg], strict_check_header=False)
        made = jws.serialize_compact(header, json.dumps(claims), self.key, registry=registry)
        return self.forge(made, self)

    # --- what a browser does with it ----------------------------------------------------------------------

    def recognise(self, address: str) -> str:
        """Go to the provider as a browser does, be recognised, and learn where one is sent back to."""
        with urllib.request.urlopen(f"{address}&now=yes") as answer:
            return str(json.loads(answer.read())["to"])


class Silent(BaseHTTPRequestHandler):
    """One request to the provider."""

    idp: Idp

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""

    def _send(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _json(self, found: dict[str, Any], status: int = 200) -> None:
        self._send(status, json.dumps(found).encode())

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.idp.asked.append(parts.path)
        if parts.path in self.idp.broken:
            return self.idp.broken[parts.path](self)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/.well-known/openid-configuration":
            return self._json(self.idp.configuration())
        if parts.path == "/jwks":
            return self._json(self.idp.keys())
        if parts.path == "/authorize":
            if asked.pop("now", None):
                return self._json({"to": self.idp.answer(asked)})
            fields = "".join(
                f'<input type="hidden" name="{name}" value="{html.escape(value)}">'
                for name, value in asked.items()
            )
            page = f"<title>Provider</title><form method=post>{fields}<button>It is me</button></form>"
            return self._send(200, page.encode(), "text/html")
        return self._json({}, 404)

    def do_POST(self) -> None:
        parts = urlsplit(self.path)
        self.idp.asked.append(parts.path)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if parts.path in self.idp.broken:
            return self.idp.broken[parts.path](self)
        sent = {name: values[0] for name, values in parse_qs(body).items()}
        if parts.path == "/authorize":
            self.send_response(302)
            self.send_header("Location", self.idp.answer(sent))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        status, answer = self.idp.exchange(sent, self.headers.get("Authorization", ""))
        return self._json(answer, status)


@contextmanager
def provided() -> Iterator[Idp]:
    """A provider that answers on loopback until the block ends."""
    idp = Idp()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Of", (Silent,), {"idp": idp}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    idp.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield idp
    finally:
        provider.open_provider(None)
        server.shutdown()
        server.server_close()
        thread.join(10)


# --- how it misbehaves -----------------------------------------------------------------------------------


def unsigned(token: str, _idp: Idp) -> str:
    """``alg: none``."""
    return f"{b64(json.dumps({'alg': 'none', 'typ': 'JWT'}).encode())}.{token.split('.')[1]}."


def with_the_public_key(token: str, idp: Idp) -> str:
    """HS256, with the public key as its secret."""
    head = b64(json.dumps({"alg": "HS256", "typ": "JWT", "kid": idp.key.kid}).encode())
    signed = f"{head}.{token.split('.')[1]}"
    public = idp.key.as_pem(private=False) if isinstance(idp.key, RSAKey) else b""
    return f"{signed}.{b64(hmac.new(public, signed.encode(), hashlib.sha256).digest())}"


def by_another_key(token: str, idp: Idp) -> str:
    """Signed by a key of somebody else that bears the provider's key's name."""
    header = {"alg": "RS256", "kid": idp.key.kid, "typ": "JWT"}
    payload = base64.urlsafe_b64decode(token.split(".")[1] + "==")
    return str(jws.serialize_compact(header, payload, RSAKey.generate_key(2048), algorithms=["RS256"]))


def own_key_in_header(token: str, _idp: Idp) -> str:
    """Signed by a key that the token brings along."""
    key = RSAKey.generate_key(2048)
    header = {"alg": "RS256", "typ": "JWT", "jwk": key.as_dict(private=False)}
    payload = base64.urlsafe_b64decode(token.split(".")[1] + "==")
    return str(jws.serialize_compact(header, payload, key, algorithms=["RS256"]))


def changed(token: str, _idp: Idp) -> str:
    """The payload of another person under the same signature."""
    head, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "==")) | {"sub": "s-quentin"}
    return f"{head}.{b64(json.dumps(claims).encode())}.{signature}"


def fails(status: int) -> Callable[[Any], None]:
    return lambda at: at._json({"error": "x"}, status)


def says(body: bytes, kind: str = "application/json") -> Callable[[Any], None]:
    return lambda at: at._send(200, body, kind)


def sends_elsewhere(to: str) -> Callable[[Any], None]:
    def send(at: Any) -> None:
        at.send_response(302)
        at.send_header("Location", to)
        at.send_header("Content-Length", "0")
        at.end_headers()

    return send


def drips(at: Any) -> None:
    """A byte now and then, for ever."""
    at.send_response(200)
    at.end_headers()
    try:
        for _second in range(100):
            at.wfile.write(b" ")
            at.wfile.flush()
            time.sleep(0.1)
    except OSError:
        pass


def hangs_up(at: Any) -> None:
    at.connection.close()


def new_key(sort: str) -> tuple[Key, str]:
    """Another key, and the algorithm that goes with it."""
    if sort == "ES256":
        return ECKey.generate_key("P-256", {"kid": "second"}), "ES256"
    if sort in ("EdDSA", "Ed25519"):
        return OKPKey.generate_key("Ed25519", {"kid": "second"}), sort
    return RSAKey.generate_key(2048, {"kid": "second"}), sort
