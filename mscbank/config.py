"""Settings: environment variables ``MSCBANK_*`` (or a file of them), one table, no default secret."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from limits import parse_many
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from mscbank.core.sealed import new_master
from mscbank.core.shelf import Shelf


@dataclass(frozen=True)
class Setting:
    """One setting: its name, default, meaning, and whether it is a secret that has none."""

    name: str
    default: str | None
    meaning: str
    secret: bool = False


SETTINGS = (
    Setting(
        "MSCBANK_DATABASE_URL", None, "SQLite or PostgreSQL (several hosts for failover), the service's role"
    ),
    Setting(
        "MSCBANK_MIGRATION_URL",
        None,
        "the owner's address, for `mscbank db upgrade`; the service's when missing",
    ),
    Setting(
        "MSCBANK_SECRET_KEY", None, "signs session cookies and form tokens; at least 32 characters", True
    ),
    Setting(
        "MSCBANK_MASTER_KEY",
        None,
        "wraps the keys of donors, recipients and attachments; 32 bytes in base64",
        True,
    ),
    Setting("MSCBANK_CHECKPOINT_KEY", None, "signs the checkpoints of the record; 32 bytes in base64", True),
    Setting(
        "MSCBANK_ANCHOR",
        None,
        "where checkpoints are kept outside the database: `folder:/path` written once, `mailto:` quality "
        "assurance, or the `https:` address of a time-stamp authority (RFC 3161)",
    ),
    Setting(
        "MSCBANK_SMTP", "", "the mail server: `smtp://`, `smtp+tls://` or `smtps://user:password@host:port`"
    ),
    Setting("MSCBANK_TSA_ROOTS", "", "file of the time-stamp authority's root certificates (PEM)"),
    Setting("MSCBANK_BIND", "127.0.0.1:8470", "where the service listens"),
    Setting(
        "MSCBANK_HOSTS", "", "names under which browsers reach it, without ports; any other name answers 400"
    ),
    Setting(
        "MSCBANK_TLS_CERTIFICATE", "", "file of its own certificate (PEM), where the web server is elsewhere"
    ),
    Setting("MSCBANK_TLS_KEY", "", "file of that certificate's key (PEM)"),
    Setting("MSCBANK_PROXIES", "0", "web servers in front whose `X-Forwarded-*` headers are believed"),
    Setting("MSCBANK_WORKERS", "2", "worker processes"),
    Setting("MSCBANK_THREADS", "4", "threads of each worker"),
    Setting("MSCBANK_COOKIE_SECURE", "yes", "`no` only behind plain HTTP on loopback"),
    Setting("MSCBANK_ARGON2_MEMORY_KIB", "19456", "memory cost of a password hash"),
    Setting("MSCBANK_ARGON2_TIME", "2", "time cost of a password hash"),
    Setting(
        "MSCBANK_BREACHED_PASSWORDS",
        "",
        "passwords from breaches: the sorted SHA-1 file of Have I Been Pwned, or the folder of its ranges",
    ),
    Setting("MSCBANK_IDLE_MINUTES", "30", "minutes after which a page's session asks for the password again"),
    Setting("MSCBANK_SESSION_HOURS", "12", "hours after which a session ends however busy it is"),
    Setting(
        "MSCBANK_ORIGIN",
        "",
        "the address that browsers show, like `https://msc.hospital.example`; passkeys are bound to it; "
        "taken from each request when missing",
    ),
    Setting(
        "MSCBANK_SECOND_FACTOR",
        "nobody",
        "who must have a second factor: `nobody`, `everybody`, or names of roles with blanks between",
    ),
    Setting(
        "MSCBANK_OIDC_ISSUER",
        "",
        "the OpenID Connect provider for single sign-on, exactly as its metadata name it "
        "([sign-on](sign-on.md)); none when missing",
    ),
    Setting("MSCBANK_OIDC_CLIENT_ID", "", "how the provider knows this service"),
    Setting("MSCBANK_OIDC_CLIENT_SECRET", "", "the secret that it shares with the provider", True),
    Setting("MSCBANK_OIDC_NAME", "", "the provider's name on the buttons; its host when missing"),
    Setting(
        "MSCBANK_OIDC_ACR",
        "",
        "`acr` values, with blanks between, of which a sign-on must tell one: how the provider names a "
        "second factor",
    ),
    Setting("MSCBANK_OIDC_AMR", "", "the same for `amr`, like `mfa hwk`; one of either list is enough"),
    Setting(
        "MSCBANK_OIDC_PROMPT",
        "login",
        "`login`: the provider asks anew at each sign-in, for shared stations; `select_account`: which "
        "account; `provider`: what it likes. At a signature it always asks anew",
    ),
    Setting("MSCBANK_MAX_BODY_BYTES", "1048576", "largest request body"),
    Setting(
        "MSCBANK_ATTACHMENTS",
        "",
        "folder of the sealed attachments, one for all hosts; `<database>.attachments` beside an "
        "embedded database, else `var/attachments`, when missing",
    ),
    Setting("MSCBANK_ATTACHMENT_BYTES", "20971520", "largest attachment"),
    Setting(
        "MSCBANK_SCANNER",
        "",
        "virus scanner: a command that gets the path of a file, like `clamdscan --no-summary --fdpass`; it "
        "takes the file with exit 0 and refuses it with any other. Without one `/readyz` says so",
    ),
    Setting("MSCBANK_SCANNER_SECONDS", "60", "seconds in which the scanner has to answer"),
    Setting("MSCBANK_RATE_LIMIT", "600 per minute", "requests of one address or token"),
    Setting("MSCBANK_SIGN_IN_LIMIT", "30 per minute", "failed tries to sign in from one address"),
    Setting("MSCBANK_METRICS_FROM", "127.0.0.0/8 ::1/128", "networks that may read `/metrics`"),
    Setting("MSCBANK_LOG_LEVEL", "info", "debug, info, warning or error"),
    Setting("MSCBANK_SETTINGS_FILE", None, "a file with lines NAME=value; the environment wins"),
)

DEMONSTRATION_SECRET = "demonstration only, never for patients, 0000"
DEMONSTRATION_CHECKPOINT = "ZGVtbyBjaGVja3BvaW50cyBvbmx5LCBubyBzZWNyZXQ="
DEMONSTRATION_MASTER = "ZGVtb25zdHJhdGlvbiBvbmx5LCBub3QgYSBzZWNyZXQ="


YES = ("yes", "true", "1", "on")
NO = ("no", "false", "0", "off")


class Unsafe(ValueError):
    """The service would start unsafely; the sentence says what to set."""


@dataclass(frozen=True)
class Config:
    """The settings of one process."""

    values: Mapping[str, str] = field(default_factory=dict)
    demonstration: bool = False

    def __getitem__(self, name: str) -> str:
        found = self.values.get(name) or next(s.default for s in SETTINGS if s.name == name)
        if found is None:
            raise Unsafe(f"Set {name}: {next(s.meaning for s in SETTINGS if s.name == name)}.")
        return found

    def number(self, name: str) -> int:
        """A setting that is a whole number."""
        try:
            return int(self[name])
        except ValueError:
            raise Unsafe(f"{name} must be a whole number, not {self[name]!r}.") from None

    def yes(self, name: str) -> bool:
        """A setting that is yes or no; any other word is refused, lest a slip of the pen open a door."""
        word = self[name].lower()
        if word not in YES + NO:
            raise Unsafe(f"{name} must be yes or no, not {self[name]!r}.")
        return word in YES

    def words(self, name: str) -> list[str]:
        """A setting that is several words, with spaces or commas between them."""
        return self[name].replace(",", " ").split()


def from_environment(environ: Mapping[str, str] | None = None, **overrides: str) -> Config:
    """The settings from the file, the environment and the command line, the later one winning."""
    environment = dict(os.environ if environ is None else environ)
    known = {setting.name for setting in SETTINGS}
    values: dict[str, str] = {}
    if path := environment.get("MSCBANK_SETTINGS_FILE"):
        for line in Path(path).read_text().splitlines():
            name, equals, value = line.partition("=")
            if equals and name.strip() in known:
                values[name.strip()] = value.strip()
    values |= {name: value for name, value in environment.items() if name in known and value}
    return Config(values | overrides)


def beside(database_url: str, what: str = "checkpoints") -> Path:
    """The folder of something that is kept beside the file of an embedded database, or under ./var."""
    file = database_url.removeprefix("sqlite:///").partition("?")[0]
    if not database_url.startswith("sqlite:///") or not file:
        return Path("var").resolve() / what
    return Path(f"{file.removesuffix('.making')}.{what}").resolve()


def shelf_of(config: Config) -> Shelf:
    """Where attachments are kept, how large they are at most, and what looks at them."""
    folder = config["MSCBANK_ATTACHMENTS"]
    return Shelf(
        folder=Path(folder) if folder else beside(config["MSCBANK_DATABASE_URL"], "attachments"),
        most=config.number("MSCBANK_ATTACHMENT_BYTES"),
        scanner=config["MSCBANK_SCANNER"],
        patience=config.number("MSCBANK_SCANNER_SECONDS"),
    )


def for_demonstration(database_url: str, environ: Mapping[str, str] | None = None) -> Config:
    """The settings of a demonstration: built-in keys that no other database accepts."""
    base = from_environment(environ)
    built_in = {
        "MSCBANK_DATABASE_URL": database_url,
        "MSCBANK_SECRET_KEY": DEMONSTRATION_SECRET,
        "MSCBANK_MASTER_KEY": DEMONSTRATION_MASTER,
        "MSCBANK_CHECKPOINT_KEY": DEMONSTRATION_CHECKPOINT,
        "MSCBANK_ANCHOR": f"folder:{beside(database_url)}",
        "MSCBANK_COOKIE_SECURE": "no",
    }
    return Config({**base.values, **built_in}, demonstration=True)


def refuse_unsafe(config: Config) -> None:
    """Outside a demonstration: no missing, short or default secret."""
    if config.demonstration:
        return
    secret, master = config["MSCBANK_SECRET_KEY"], config["MSCBANK_MASTER_KEY"]
    built_in = (DEMONSTRATION_SECRET, DEMONSTRATION_MASTER, DEMONSTRATION_CHECKPOINT)
    if {secret, master, config["MSCBANK_CHECKPOINT_KEY"]} & set(built_in):
        raise Unsafe(
            "The built-in keys of the demonstration are for a demonstration database only. Make your own."
        )
    if len(secret) < 32:
        raise Unsafe("MSCBANK_SECRET_KEY is too short: at least 32 characters, made at random.")
    if len(set(secret)) < 10:
        raise Unsafe("MSCBANK_SECRET_KEY was not made at random: take what `mscbank secrets` prints.")
    _refuse_plain_lines(config)


def _refuse_plain_lines(config: Config) -> None:
    """What leaves this machine is encrypted, and the other side is verified (OWASP ASVS v5.0.0-12.3.1)."""
    for name in ("MSCBANK_DATABASE_URL", "MSCBANK_MIGRATION_URL"):
        if url := config.values.get(name):
            _refuse_plain_database(name, url)
    server = urlsplit(config["MSCBANK_SMTP"])
    if server.scheme == "smtp" and not is_here(server.hostname or ""):
        raise Unsafe("MSCBANK_SMTP would send in clear: write smtp+tls:// or smtps://.")
    anchor = urlsplit(config["MSCBANK_ANCHOR"])
    if anchor.scheme == "http" and not is_here(anchor.hostname or ""):
        raise Unsafe("MSCBANK_ANCHOR would ask in clear: write https://.")


def _refuse_plain_database(name: str, url: str) -> None:
    try:
        parsed = make_url(url)
    except ArgumentError:
        return
    if parsed.get_backend_name() != "postgresql" or parsed.query.get("sslmode") == "verify-full":
        return
    for host in _database_hosts(parsed):
        if not is_here(host):
            raise Unsafe(f"{name} reaches {host} without verified TLS: add sslmode=verify-full to it.")


def _database_hosts(url: URL) -> Iterator[str]:
    listed = url.query.get("host", ())
    for host in (url.host or "", *((listed,) if isinstance(listed, str) else listed)):
        for one in host.split(","):
            yield re.sub(r":\d+$", "", one)


def is_here(host: str) -> bool:
    """Whether a host is this machine: loopback, or a socket's folder."""
    if host in ("", "localhost") or host.startswith(("/", "@")):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
LEVELS = ("debug", "info", "warning", "error")
HASH_COST = 7168 * 5
"""KiB times rounds of an Argon2id hash at the least (OWASP Password Storage Cheat Sheet)."""


def refuse_unsafe_service(config: Config) -> None:
    """What would make the service, as against a command, unsafe: transport, limits, costs, open files."""
    for name in ("MSCBANK_RATE_LIMIT", "MSCBANK_SIGN_IN_LIMIT"):
        try:
            parse_many(config[name])
        except ValueError:
            raise Unsafe(f"{name} is no limit; one looks like `600 per minute`.") from None
    for net in config.words("MSCBANK_METRICS_FROM"):
        try:
            ip_network(net)
        except ValueError:
            raise Unsafe(f"MSCBANK_METRICS_FROM: {net!r} is no network like 10.1.2.0/24.") from None
    if config["MSCBANK_LOG_LEVEL"].lower() not in LEVELS:
        raise Unsafe(f"MSCBANK_LOG_LEVEL must be one of {', '.join(LEVELS)}.")
    _refuse_half_a_provider(config)
    for name, least, most in BOUNDS:
        if not least <= config.number(name) <= most:
            raise Unsafe(f"{name} must lie between {least} and {most}.")
    for host in config.words("MSCBANK_HOSTS"):
        if not HOST.fullmatch(host):
            raise Unsafe(f"MSCBANK_HOSTS: {host!r} is no host name.")
    if not config.demonstration:
        _refuse_weak_hash(config)
        _refuse_open_transport(config)
        _refuse_open_files(config)


PROMPTS = ("login", "select_account", "provider")


def _refuse_half_a_provider(config: Config) -> None:
    """Sign-on is set wholly or not at all; outside a demonstration over TLS, to an address that is known."""
    given = [name for name in OIDC if config[name]]
    if not given and not config.words("MSCBANK_OIDC_ACR") + config.words("MSCBANK_OIDC_AMR"):
        return
    if missing := [name for name in OIDC if name not in given]:
        raise Unsafe(f"Single sign-on is half set: set {missing[0]} too, or none of MSCBANK_OIDC_*.")
    if config["MSCBANK_OIDC_PROMPT"] not in PROMPTS:
        raise Unsafe(f"MSCBANK_OIDC_PROMPT must be one of {', '.join(PROMPTS)}.")
    issuer, origin = urlsplit(config["MSCBANK_OIDC_ISSUER"]), urlsplit(config["MSCBANK_ORIGIN"])
    if issuer.scheme not in ("http", "https") or not issuer.hostname or issuer.query or issuer.fragment:
        raise Unsafe("MSCBANK_OIDC_ISSUER is no issuer; one looks like https://login.hospital.example.")
    plain = config.demonstration
    if issuer.scheme == "http" and not (plain and is_here(issuer.hostname)):
        raise Unsafe("MSCBANK_OIDC_ISSUER would be asked in clear: write https://.")
    if not origin.hostname or (origin.scheme != "https" and not (plain and is_here(origin.hostname))):
        raise Unsafe(
            "Set MSCBANK_ORIGIN to the https:// address that browsers show: the provider sends them there."
        )


OIDC = ("MSCBANK_OIDC_ISSUER", "MSCBANK_OIDC_CLIENT_ID", "MSCBANK_OIDC_CLIENT_SECRET")

BOUNDS = (
    ("MSCBANK_WORKERS", 1, 64),
    ("MSCBANK_THREADS", 1, 64),
    ("MSCBANK_PROXIES", 0, 5),
    ("MSCBANK_IDLE_MINUTES", 1, 480),
    ("MSCBANK_MAX_BODY_BYTES", 1024, 1 << 30),
)
"""(setting, least, most): beyond these a slip of the pen is likelier than a wish."""


def _refuse_weak_hash(config: Config) -> None:
    memory, rounds = config.number("MSCBANK_ARGON2_MEMORY_KIB"), config.number("MSCBANK_ARGON2_TIME")
    if memory < 7168 or rounds < 1 or memory * rounds < HASH_COST:
        raise Unsafe(
            "MSCBANK_ARGON2_MEMORY_KIB and MSCBANK_ARGON2_TIME make passwords too cheap to guess: "
            "at least 19456 and 2, 12288 and 3, or 7168 and 5."
        )


def _refuse_open_transport(config: Config) -> None:
    proxies = config.number("MSCBANK_PROXIES")
    is_open = not is_here(_bound_to(config))
    if not config.yes("MSCBANK_COOKIE_SECURE"):
        if proxies or is_open:
            raise Unsafe(
                "MSCBANK_COOKIE_SECURE=no is for plain HTTP on this machine only: others reach this service, "
                "so put a web server with TLS in front and leave it out."
            )
        return
    if not proxies:
        raise Unsafe(
            "Set MSCBANK_PROXIES to the number of web servers with TLS in front (usually 1); "
            "for a try on this machine alone set MSCBANK_COOKIE_SECURE=no."
        )
    if not config.words("MSCBANK_HOSTS"):
        raise Unsafe("Set MSCBANK_HOSTS to the names under which browsers reach the service.")
    if bool(config["MSCBANK_TLS_CERTIFICATE"]) != bool(config["MSCBANK_TLS_KEY"]):
        raise Unsafe("MSCBANK_TLS_CERTIFICATE and MSCBANK_TLS_KEY belong together.")
    if is_open and not config["MSCBANK_TLS_CERTIFICATE"]:
        raise Unsafe(
            "MSCBANK_BIND lets other machines in without TLS: listen on 127.0.0.1 or unix:/path, "
            "or set MSCBANK_TLS_CERTIFICATE and MSCBANK_TLS_KEY."
        )


def _bound_to(config: Config) -> str:
    bind = config["MSCBANK_BIND"]
    return bind.removeprefix("unix:") if bind.startswith("unix:") else bind.rpartition(":")[0]


def _refuse_open_files(config: Config) -> None:
    if config.values.get("MSCBANK_MIGRATION_URL"):
        raise Unsafe(
            "MSCBANK_MIGRATION_URL would hand the owner's rights to the service: set it for "
            "`mscbank db upgrade` alone."
        )
    for name in ("MSCBANK_SETTINGS_FILE", "MSCBANK_TLS_KEY"):
        path = config.values.get(name)
        if path and Path(path).stat().st_mode & 0o007:
            raise Unsafe(f"{path} holds secrets and everybody on this machine may use it: chmod o= {path}.")


def table() -> str:
    """The settings as the documentation prints them."""
    rows = ["| Setting | Default | Meaning |", "|---|---|---|"]
    rows += [f"| `{s.name}` | {f'`{s.default}`' if s.default else 'none'} | {s.meaning} |" for s in SETTINGS]
    return "\n".join(rows)


def fresh_secrets() -> dict[str, str]:
    """New secrets for an installation but for the master key; printed once, kept nowhere."""
    return {
        "MSCBANK_SECRET_KEY": new_master() + new_master(),
        "MSCBANK_CHECKPOINT_KEY": new_master(),
    }
