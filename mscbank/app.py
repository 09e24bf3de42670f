"""The front door: the one place that knows all the steps and assembles them into a service."""

import gc
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, current_app, g, request
from flask import session as cookie
from flask_babel import Babel
from werkzeug.middleware.proxy_fix import ProxyFix

from mscbank.config import (
    Config,
    Unsafe,
    from_environment,
    refuse_unsafe,
    refuse_unsafe_service,
    shelf_of,
)
from mscbank.core import checkpoints, db, keeping, logs, schema, sealed, shelf, ways
from mscbank.core.i18n import _
from mscbank.core.instance import instance_or_none
from mscbank.core.version import VERSION
from mscbank.core.web import assets, filters, parameters, problem, recorded, security
from mscbank.core.web import attachments as attachments_door
from mscbank.core.web import proofs as proofs_door
from mscbank.core.web import scan as scan_door
from mscbank.core.web.api import JsonApi
from mscbank.core.web.checkpoints import checkpoints as checkpoint_pages
from mscbank.core.web.health import SILENT_AFTER, clockwork_age, health
from mscbank.core.web.here import actor_or_none
from mscbank.core.web.home import home
from mscbank.core.web.lies import lies
from mscbank.core.web.matrix import matrix
from mscbank.staff import emergency, factors, keys, passwords, provider, secrets
from mscbank.staff.again import idle_time
from mscbank.staff.provider_pages import name_for

STEPS = ("staff", "deviation", "study", "family", "collection", "batch", "custody", "release", "allocation",
         "infusion", "safety", "trace")  # fmt: skip

WAY = (
    ("family", _("Family"), "/recipients/"), ("collection", _("Collection"), "/donations/"),
    ("batch", _("Batch"), "/batches/"), ("custody", _("Custody"), "/vials/"),
    ("release", _("Release"), "/releases/"),
    ("allocation", _("Allocation"), "/allocations/"), ("infusion", _("Infusion"), "/infusions/"),
    ("safety", _("Safety"), "/safety/"), ("trace", _("Trace"), "/trace/"),
)  # fmt: skip


@cache
def load_steps() -> None:
    """Import every step's tables, actions, views and doors, in the order of the way; once a process."""
    gc.disable()
    for step in STEPS:
        for part in ("models", "actions", "views", "api", "pages"):
            if find_spec(f"mscbank.{step}") and find_spec(f"mscbank.{step}.{part}"):
                import_module(f"mscbank.{step}.{part}")
    _settle_memory()


def _settle_memory() -> None:
    """What the program consists of is never garbage: leave it out, and look for garbage less often."""
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def connect(config: Config) -> None:
    """Open the database and the master key; refuse a mismatch between settings and database."""
    refuse_unsafe(config)
    secrets.set_cost(config.number("MSCBANK_ARGON2_MEMORY_KIB"), config.number("MSCBANK_ARGON2_TIME"))
    try:
        passwords.open_breached(config["MSCBANK_BREACHED_PASSWORDS"])
    except ValueError as error:
        raise Unsafe(f"MSCBANK_BREACHED_PASSWORDS is no list of breached passwords: {error}.") from None
    _demand_factors(config["MSCBANK_SECOND_FACTOR"])
    provider.open_provider(_provider_of(config))
    db.connect(config["MSCBANK_DATABASE_URL"])
    _open_keys(config)
    shelf.open_shelf(shelf_of(config))
    found = instance_or_none_safely()
    if found is not None and found is not config.demonstration:
        raise Unsafe(
            "This database is a demonstration for ever: start it with `mscbank demo`."
            if found
            else "The built-in keys are for a demonstration only, and this database is none."
        )


def _demand_factors(words: str) -> None:
    try:
        factors.demand(words)
    except ValueError:
        raise Unsafe(
            "MSCBANK_SECOND_FACTOR is nobody, everybody, or names of roles, as docs/permissions.md has them."
        ) from None


def _provider_of(config: Config) -> provider.Settings | None:
    """The OpenID provider of the settings, judged before by ``config``."""
    if not config["MSCBANK_OIDC_ISSUER"]:
        return None
    return provider.Settings(
        issuer=config["MSCBANK_OIDC_ISSUER"], client_id=config["MSCBANK_OIDC_CLIENT_ID"],
        client_secret=config["MSCBANK_OIDC_CLIENT_SECRET"],
        name=config["MSCBANK_OIDC_NAME"] or urlsplit(config["MSCBANK_OIDC_ISSUER"]).hostname or "",
        acr=frozenset(config.words("MSCBANK_OIDC_ACR")), amr=frozenset(config.words("MSCBANK_OIDC_AMR")),
        prompt=config["MSCBANK_OIDC_PROMPT"],
    )  # fmt: skip


def _open_keys(config: Config) -> None:
    """Take the keys, and the way in which checkpoints are kept; say in one sentence what cannot be used."""
    for name, take in (
        ("MSCBANK_MASTER_KEY", sealed.open_master),
        ("MSCBANK_CHECKPOINT_KEY", checkpoints.open_key),
    ):
        try:
            take(config[name])
        except ValueError:
            raise Unsafe(f"{name} is no key: 32 bytes in base64.") from None
    server, roots = config["MSCBANK_SMTP"], config["MSCBANK_TSA_ROOTS"]
    try:
        keeping.open_way(ways.way_of(config["MSCBANK_ANCHOR"], server=server, roots=roots))
    except ways.Unkept as unkept:
        raise Unsafe(str(unkept)) from None


def refuse_unfit_key() -> None:
    """Outside a demonstration: no service without a master key that was read back and opens everything."""
    found = instance_or_none_safely()
    if found is False and (why := keys.unfit()) is not None:
        raise Unsafe(why)
    db.session.remove()


def instance_or_none_safely() -> bool | None:
    """Whether the database is a demonstration; ``None`` before its first migration."""
    with db.engines().read.connect() as connection:
        if not connection.dialect.has_table(connection, "instance"):
            return None
    row = instance_or_none()
    db.session.remove()
    return None if row is None else row.is_demonstration


def create_app(config: Config | None = None) -> Flask:
    """The service, ready to serve; with the settings of the environment unless others are given."""
    from_outside = config is None
    config = config or from_environment()
    load_steps()
    refuse_unsafe_service(config)
    connect(config)
    if from_outside:
        refuse_unfit_key()
    logs.configure(config["MSCBANK_LOG_LEVEL"])
    app = Flask(
        "mscbank",
        template_folder=str(schema.directory("templates")),
        static_folder=str(schema.PACKAGE / "static"),
    )
    secure = config.yes("MSCBANK_COOKIE_SECURE")
    app.config.update(
        SECRET_KEY=config["MSCBANK_SECRET_KEY"], MAX_CONTENT_LENGTH=config.number("MSCBANK_MAX_BODY_BYTES"),
        MAX_FORM_MEMORY_SIZE=config.number("MSCBANK_MAX_BODY_BYTES"), SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_NAME="__Host-mscbank" if secure else "mscbank",
        DEBUG=False,
        API_TITLE="mscbank", API_VERSION=VERSION, OPENAPI_VERSION="3.1.0", OPENAPI_URL_PREFIX="/api/v1",
        OPENAPI_JSON_PATH="openapi.json", BABEL_TRANSLATION_DIRECTORIES=str(schema.PACKAGE / "translations"),
        MSCBANK=config,
    )  # fmt: skip
    Babel(app, locale_selector=_language)
    filters.init_app(app)
    assets.init_app(app)
    security.init_app(
        app, rate_limit=config["MSCBANK_RATE_LIMIT"], sign_in_limit=config["MSCBANK_SIGN_IN_LIMIT"],
        secure=secure, hosts=config.words("MSCBANK_HOSTS"),
        tls_in_front=secure and config.number("MSCBANK_PROXIES") > 0,
    )  # fmt: skip
    problem.init_app(app)
    _open_doors(app)
    app.context_processor(_context)
    if proxies := config.number("MSCBANK_PROXIES"):
        app.wsgi_app = ProxyFix(app.wsgi_app, proxies, proxies, proxies)  # type: ignore[method-assign]
    return app


def _language() -> str:
    chosen = cookie.get("language")
    return chosen if chosen in ("en", "fr") else request.accept_languages.best_match(["en", "fr"]) or "en"


def _open_doors(app: Flask) -> None:
    app.register_blueprint(home)
    app.register_blueprint(health)
    app.register_blueprint(matrix)
    app.register_blueprint(lies)
    app.register_blueprint(checkpoint_pages)
    app.register_blueprint(recorded.pages)
    app.register_blueprint(parameters.pages.blueprint)
    app.register_blueprint(scan_door.pages)
    app.register_blueprint(attachments_door.pages)
    api = JsonApi(app)
    api.spec.components.security_scheme("token", {"type": "http", "scheme": "bearer"})
    api.spec.options["security"] = [{"token": []}]
    blueprints: list[Any] = [scan_door.api, proofs_door.api, attachments_door.api, recorded.api,
                             parameters.api]  # fmt: skip
    for step in STEPS:
        for part in ("api", "pages"):
            if not (find_spec(f"mscbank.{step}") and find_spec(f"mscbank.{step}.{part}")):
                continue
            module = import_module(f"mscbank.{step}.{part}")
            doors = getattr(module, "apis" if part == "api" else "all_pages", None)
            for door in doors if doors is not None else [getattr(module, part)]:
                blueprint = getattr(door, "blueprint", door)
                if part == "api":
                    blueprints.append(blueprint)
                else:
                    app.register_blueprint(blueprint)
    for blueprint in blueprints:
        security.csrf.exempt(blueprint)
        api.register_blueprint(blueprint)


def _context() -> dict[str, Any]:
    by = actor_or_none()
    made = instance_or_none()
    return {
        "me": by, "sign_on_of": name_for, "idle_seconds": int(idle_time().total_seconds()),
        "instance": made, "way": _way(by) if by else [],
        "now_local": filters.now_local() if made else "",
        "locale": _language(), "alarm": _alarm() if by and made else None, "version": VERSION,
    }  # fmt: skip


def _way(by: Any) -> list[dict[str, Any]]:
    here = request.blueprint and _step_here()
    counts: dict[str, int] = {}
    if request.endpoint == "home.home_page":
        for task in g.get("waiting", ()):
            counts[task.step] = counts.get(task.step, 0) + 1
    position = next((n for n, (name, _label, _url) in enumerate(WAY) if name == here), None)
    return [
        {
            "name": name, "label": str(label), "url": url, "count": counts.get(name),
            "place": _place(n, position),
        }
        for n, (name, label, url) in enumerate(WAY)
    ]  # fmt: skip


def _place(n: int, here: int | None) -> str:
    if here is None:
        return "none"
    return "behind" if n < here else "here" if n == here else "to_come"


def _step_here() -> str | None:
    blueprint = current_app.blueprints.get(request.blueprint or "")
    return blueprint.import_name.split(".")[1] if blueprint and "." in blueprint.import_name else None


def _alarm() -> str | None:
    if (use := emergency.opened_since()) is not None:
        account, name, when = use
        return str(
            _(
                "The emergency account %(account)s was opened on %(when)s and is held by %(name)s. Quality "
                "assurance has not reviewed it yet.",
                account=account, when=filters.local(when), name=name,
            )
        )  # fmt: skip
    age = clockwork_age()
    if age is None or age > SILENT_AFTER:
        return str(
            _("The clockwork is silent: messages and due dates are not handled. Tell the administrator.")
        )
    since = keeping.waits_since()
    if since is not None:
        sentence = _(
            "What was done since %(when)s is not sealed, or not kept outside. Tell the administrator.",
            when=filters.local(since),
        )
        return str(sentence)
    return None
