"""The second factor of an account: codes of an app, recovery codes, and of whom one is demanded.

What is secret lies outside the record: the app's secret sealed, recovery codes as digests. Each time step and
each recovery code is good once.
"""

import base64
import secrets as random_secrets
from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import exists, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mscbank.core import clock, sealed
from mscbank.core.access import Kind, Principal, Role
from mscbank.core.acts import keep_reading
from mscbank.core.canonical import digest
from mscbank.core.db import engines, is_sqlite, plumbing
from mscbank.core.errors import Refusal
from mscbank.core.frame import OpenAct
from mscbank.core.i18n import _
from mscbank.staff import totp
from mscbank.staff.models import CodeApp, CodeTries, Passkey, RecoveryCode
from mscbank.staff.tries import Tries

APP, PASSKEY = "app", "passkey"
"""The sorts of a second factor."""
PENDING_FOR = timedelta(minutes=15)
RECOVERY_CODES = 10
RECOVERY_BYTES = 10

SLOWED = Refusal("secret.code_slowed", "Too many wrong codes. Try again in %(seconds)s seconds.")
LOCKED = Refusal(
    "secret.code_locked", "Locked after %(failures)s wrong codes. It opens by itself in %(minutes)s minutes."
)
FACTOR_DEMANDED = Refusal(
    "factor.demanded",
    "Your role works here with a second factor. Set one up on the page of your account; nothing else is open "
    "until then.",
)
_PASSKEY_HELD = Passkey.removed_at.is_(None)
CODES = Tries(CodeTries, "person.failed_code", SLOWED, LOCKED)

NOBODY, EVERYBODY = "nobody", "everybody"
_demanded: set[Role] = set()


WORDS = {APP: _("authenticator app"), PASSKEY: _("passkey")}


def words(held: Iterable[str]) -> str:
    """The second factors of an account, as a page says them."""
    found = [str(WORDS[sort]) for sort in sorted(held)]
    return ", ".join(found) or str(_("none"))


def demand(words: str) -> None:
    """Say who must have a second factor: ``nobody``, ``everybody``, or roles; ValueError for another word."""
    wanted = words.split()
    if wanted == [NOBODY]:
        found: Iterable[Role] = ()
    elif wanted == [EVERYBODY]:
        found = Role
    else:
        found = [Role(word) for word in wanted]
    _demanded.clear()
    _demanded.update(found)


def is_demanded(roles: Iterable[Role]) -> bool:
    """Whether somebody with these roles needs a second factor."""
    return not _demanded.isdisjoint(roles)


def begin(login: str) -> bytes:
    """A fresh secret for an app, kept beside the one in use until a code confirms it; it is shown once."""
    secret = totp.new_secret()
    values = {"pending": sealed.lock_up(_owner(login), secret), "pending_at": clock.now()}
    dialect = sqlite if is_sqlite() else postgresql
    with plumbing() as connection:
        connection.execute(
            dialect.insert(CodeApp)
            .values(login=login, last_step=0, **values)
            .on_conflict_do_update(index_elements=["login"], set_=values)
        )
    return secret


def step_of_pending(login: str, code: str) -> int | None:
    """The time step of a code of the secret that waits to be confirmed; ``None``: it is not its code."""
    with engines().read.connect() as connection:
        row = connection.execute(
            select(CodeApp.pending, CodeApp.pending_at).where(CodeApp.login == login)
        ).one_or_none()
    now = clock.now()
    if row is None or row.pending is None or row.pending_at is None or now - row.pending_at > PENDING_FOR:
        return None
    return totp.step_of_code(sealed.unlock(_owner(login), row.pending), code, now, 0)


def confirm(act: OpenAct, login: str, step: int) -> bool:
    """Put the confirmed secret in the place of the one in use, inside the act that enrols it."""
    done = act.plumb(
        update(CodeApp)
        .where(CodeApp.login == login, CodeApp.pending.is_not(None))
        .values(secret=CodeApp.pending, pending=None, pending_at=None, last_step=step)
        .returning(CodeApp.id)
    )
    return done.one_or_none() is not None


def forget_app(act: OpenAct, login: str) -> bool:
    """Take the app's secret away, inside the act that removes it."""
    done = act.plumb(
        update(CodeApp)
        .where(CodeApp.login == login, CodeApp.secret.is_not(None))
        .values(secret=None, pending=None, pending_at=None)
        .returning(CodeApp.id)
    )
    return done.one_or_none() is not None


def new_recovery_codes(login: str) -> tuple[list[str], list[str]]:
    """Fresh recovery codes, to be shown once, and the digests that are kept of them."""
    found = []
    for _number in range(RECOVERY_CODES):
        written = base64.b32encode(random_secrets.token_bytes(RECOVERY_BYTES)).decode().lower()
        found.append("-".join(written[at : at + 4] for at in range(0, len(written), 4)))
    return found, [_hash(login, code) for code in found]


def spend_recovery_codes(act: OpenAct, login: str) -> None:
    """Put all recovery codes of a log-in out of force."""
    act.plumb(
        update(RecoveryCode)
        .where(RecoveryCode.login == login, RecoveryCode.spent_at.is_(None))
        .values(spent_at=clock.now())
    )


def keep_recovery_codes(act: OpenAct, login: str, code_hashes: list[str]) -> None:
    """Put new recovery codes, by their digests, in the place of the earlier ones."""
    spend_recovery_codes(act, login)
    for kept in code_hashes:
        act.plumb(insert(RecoveryCode).values(login=login, code_hash=kept, made_at=clock.now()))


def recovery_codes_left(login: str) -> int:
    """How many recovery codes are still good."""
    with engines().read.connect() as connection:
        found = connection.scalar(
            select(func.count())
            .select_from(RecoveryCode)
            .where(RecoveryCode.login == login, RecoveryCode.spent_at.is_(None))
        )
    return int(found or 0)


def anybody_has_one() -> bool:
    """Whether any account has one: whoever is yet to be named may be asked for a code."""
    has_app, has_passkey = exists().where(CodeApp.secret.is_not(None)), exists().where(_PASSKEY_HELD)
    with engines().read.connect() as connection:
        return bool(connection.scalar(select(or_(has_app, has_passkey))))


def check_code(login: str, code: str) -> bool:
    """Whether the code is right, and use it up. A wrong one is counted and recorded; a lock answers 429."""
    return CODES.judged(login, _tries(login), lambda: _spend_code(login, code))


def _tries(login: str) -> object:
    dialect = sqlite if is_sqlite() else postgresql
    wanted = select(CodeTries.failures, CodeTries.failed_at).where(CodeTries.login == login)
    with engines().read.connect() as connection:
        found = connection.execute(wanted).one_or_none()
    if found is None:
        with plumbing() as connection:
            connection.execute(
                dialect.insert(CodeTries)
                .values(login=login, failures=0)
                .on_conflict_do_nothing(index_elements=["login"])
            )
        with engines().read.connect() as connection:
            found = connection.execute(wanted).one()
    return found


def _spend_code(login: str, code: str) -> bool:
    return _spend_step(login, code) or _spend_recovery(login, code)


def _spend_step(login: str, code: str) -> bool:
    with engines().read.connect() as connection:
        row = connection.execute(
            select(CodeApp.secret, CodeApp.last_step).where(CodeApp.login == login)
        ).one_or_none()
    if row is None or row.secret is None:
        return False
    step = totp.step_of_code(sealed.unlock(_owner(login), row.secret), code, clock.now(), row.last_step)
    if step is None:
        return False
    with plumbing() as connection:
        spent = connection.execute(
            update(CodeApp)
            .where(CodeApp.login == login, CodeApp.secret.is_not(None), CodeApp.last_step < step)
            .values(last_step=step)
            .returning(CodeApp.id)
        ).one_or_none()
    return spent is not None


def _spend_recovery(login: str, code: str) -> bool:
    with plumbing() as connection:
        spent = connection.execute(
            update(RecoveryCode)
            .where(
                RecoveryCode.code_hash == _hash(login, code), RecoveryCode.login == login,
                RecoveryCode.spent_at.is_(None),
            )
            .values(spent_at=clock.now())
            .returning(RecoveryCode.id)
        ).one_or_none()  # fmt: skip
    if spent is None:
        return False
    left = {"left": recovery_codes_left(login)}
    keep_reading(Principal(login, login, kind=Kind.PERSON), "person.used_recovery_code", left, set())
    return True


def _hash(login: str, code: str) -> str:
    plain = "".join(char for char in code.lower() if char.isalnum())
    return digest(f"recovery:{login}:{plain}")


def _owner(login: str) -> str:
    return f"code_app:{login}"


def left(master: str) -> int:
    """How many secrets of apps another master key still seals."""
    with engines().read.connect() as connection:
        rows = connection.execute(select(CodeApp.secret, CodeApp.pending)).all()
    return sum(one is not None and one.key_id != master for row in rows for one in row)


def come_over(master: str) -> int:
    """Seal the secrets of apps anew that another master key seals; answers how many there were."""
    done = 0
    with engines().read.connect() as connection:
        rows = connection.execute(select(CodeApp.login, CodeApp.secret, CodeApp.pending)).all()
    for login, *sealed_ones in rows:
        for column, one in zip((CodeApp.secret, CodeApp.pending), sealed_ones, strict=True):
            if one is None or one.key_id == master:
                continue
            anew = sealed.lock_up(_owner(login), sealed.unlock(_owner(login), one))
            with plumbing() as connection:
                done += connection.execute(
                    update(CodeApp).where(CodeApp.login == login, column == one).values({column: anew})
                ).rowcount
    return done
