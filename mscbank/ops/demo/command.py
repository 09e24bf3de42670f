"""Building the demonstration once, keeping it, and saying where to look and who may sign in."""

from collections.abc import Callable
from pathlib import Path

from sqlalchemy.engine import make_url

from mscbank.app import load_steps
from mscbank.config import Config, Unsafe, for_demonstration
from mscbank.core import db, schema
from mscbank.core.access import ROLE_WORDS
from mscbank.core.db import engines, session
from mscbank.core.instance import instance_or_none
from mscbank.ops.demo import build
from mscbank.ops.demo.cast import CAST, PASSWORD

PLACE = Path("var") / "demonstration.sqlite"


def address(given: str | None) -> str:
    """The database of the demonstration: the one given, else a file under the present folder."""
    if given:
        return given
    PLACE.parent.mkdir(exist_ok=True)
    return f"sqlite:///{PLACE.resolve()}"


def stands(url: str, *, refuse: bool = True) -> bool:
    """Whether a demonstration of this version stands there; a real bank is refused, or is simply none."""
    file = file_of(url)
    if file is not None and not file.exists():
        return False
    load_steps()
    db.connect(url)
    try:
        with engines().read.connect() as connection:
            if not connection.dialect.has_table(connection, "instance"):
                return False
            in_step = schema.in_step(connection)
        found = instance_or_none()
        if refuse and found is not None and not found.is_demonstration:
            raise Unsafe("There is a real bank in this database: the demonstration takes another one.")
        return in_step and found is not None and found.is_demonstration
    finally:
        session.remove()
        db.disconnect()


def ensure(url: str, progress: Callable[[str], None], *, anew: bool = False) -> Config:
    """Build the demonstration where there is none; a half-built file never takes its place."""
    if not anew and stands(url):
        return for_demonstration(url)
    file = file_of(url)
    if file is None:
        return build.build(url, progress)
    making = file.with_name(file.name + ".making")
    _remove(making)
    try:
        build.build(f"sqlite:///{making}", progress)
    finally:
        session.remove()
        db.disconnect()
    _remove(file)
    making.replace(file)
    _remove(making)
    return for_demonstration(url)


def _remove(file: Path) -> None:
    for name in (file, file.with_name(file.name + "-wal"), file.with_name(file.name + "-shm")):
        name.unlink(missing_ok=True)


def file_of(url: str) -> Path | None:
    """The file of an embedded database, ``None`` for a server's."""
    parsed = make_url(url)
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def who() -> list[tuple[str, str, str]]:
    """(log-in, name, roles) of everybody in the demonstration."""
    return [(p.login, p.printed_name, ", ".join(str(ROLE_WORDS[r]) for r in p.roles)) for p in CAST]


def greeting(config: Config) -> list[str]:
    """What is printed when the demonstration is served."""
    lines = [f"Open http://{config['MSCBANK_BIND']}/ and sign in; every password is “{PASSWORD}”.", ""]
    lines += [f"  {login:<12} {name:<22} {roles}" for login, name, roles in who()]
    return lines
