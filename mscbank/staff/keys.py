"""The master key's life: it goes live once two of its shares were read back, takes over, and is checked.

What an operator does at the command line of the host (``mscbank keys``), and what is signed once a year.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from mscbank.core import checks, clock, masters, parameters
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, current
from mscbank.core.db import session
from mscbank.core.errors import Obstacle, Refusal, Refused
from mscbank.core.instance import instance
from mscbank.core.masters import DataKey, MasterKey
from mscbank.core.sealed import PersonKey
from mscbank.staff import factors
from mscbank.staff.models import KeyCheck

AT_ONCE = 200
"""People's keys that come over in one act."""
FRESH = timedelta(days=30)
"""How old a check may be that somebody signs."""
WARN_DAYS = 30
SIGNERS = (Role.RESPONSIBLE_PERSON, Role.QA)
FOUND_BY_NAME = "family.found_by_name"
"""The check by which ``family`` opens what is sealed and looks whether it is found; nothing is shown."""
SIGNED = "yearly check of the keys"

CHECK_DAYS = parameters.declare(
    "staff.key_check_days", 365, unit="days",
    meaning="The keys are checked and signed again within this time",
    source="EU GMP Annex 11, 7.2 and 11; NIST SP 800-57 Part 1, 8.2", least=1, most=730,
)  # fmt: skip

STANDS = Refusal("keys.stands", "This key is, or was, a master key here already. Make another one.")
UNREAD = Refusal("keys.unread", "A key goes live only when two of its shares were read back.")
UNFINISHED = Refusal(
    "keys.unfinished", "People's keys still come over to the key %(key)s: finish that first (`keys rotate`)."
)
LEFT = Refusal("keys.left", "The keys of %(left)s people have not come over yet: run `mscbank keys rotate`.")
FINISHED = Refusal("keys.finished", "Everything has come over to this key already.")
NOT_THE_LAST = Refusal("keys.not_the_last", "Another key went live after this one.")
NOT_SET = Refusal(
    "keys.not_set", "Set MSCBANK_MASTER_KEY to the new key %(key)s first: the one before ends here."
)
NOTHING_TO_SIGN = Refusal(
    "keys.nothing_to_sign",
    "There is no check of the last 30 days to sign: the administrator of the host runs “mscbank keys check”.",
)
DOES_NOT_HOLD = Refusal(
    "keys.does_not_hold",
    "The last check does not hold: every key has to open, and two shares have to give the key in force.",
)


# --- going live and taking over --------------------------------------------------------------------


@action("master_key.introduce", creates="master_key", operator=True)
def introduce(*, secret: str, shares_read: str | None = None) -> MasterKey:
    """Let a master key go live after two of its shares were read back; it wraps what is new from here on."""
    raw = masters.read_key(secret)
    fingerprint, before = masters.fingerprint_of(raw), masters.in_force()
    if session.scalar(select(MasterKey.id).where(MasterKey.code == fingerprint)) is not None:
        raise Refused(STANDS())
    if shares_read is None and not instance().is_demonstration:
        raise Refused(UNREAD())
    if before is not None and before.finished_at is None:
        raise Refused(UNFINISHED(key=before.code))
    search, forward, back = masters.search_key(raw), None, None
    if before is not None:
        ring = masters.ring(needed=before.code, fresh=True)
        search, held = ring.search, ring.keys[before.code]
        forward = masters.wrap(held, raw, masters.for_master(fingerprint))
        back = masters.wrap(raw, held, masters.for_master(before.code))
    now = clock.now()
    made = MasterKey(
        code=fingerprint, number=before.number + 1 if before else 1, shares_read=shares_read,
        search=masters.wrap(raw, search, masters.for_search(fingerprint)), forward=forward, back=back,
        introduced_at=now, finished_at=None if before else now,
    )  # fmt: skip
    session.add(made)
    return made


def _waiting(model: type[DataKey], master: MasterKey) -> Any:
    """The select of the data keys of one table that another master key wraps."""
    return select(model).where(model.master != master.code, model.destroyed_at.is_(None)).order_by(model.id)


def waiting_keys(master: MasterKey) -> list[DataKey]:
    """Up to 200 data keys that another master key wraps."""
    found: list[DataKey] = []
    for model in masters.data_keys():
        found += session.scalars(_waiting(model, master).limit(AT_ONCE - len(found)))
    return found


def left(master: MasterKey) -> int:
    """How many data keys another master key still wraps."""
    counts = (select(func.count()).select_from(_waiting(m, master).subquery()) for m in masters.data_keys())
    return sum(session.scalar(count) or 0 for count in counts) + factors.left(master.code)


def _last(master: MasterKey, by: Principal) -> Obstacle | None:
    found = masters.in_force()
    return None if found is not None and found.code == master.code else NOT_THE_LAST()


@action(
    "master_key.take_over", kind="master_key", operator=True, unless=_last,
    locks=waiting_keys,
)  # fmt: skip
def take_over(master: MasterKey) -> int:
    """Wrap up to 200 keys of people and attachments by this master key; answers how many there were."""
    ring, act = masters.ring(needed=master.code, fresh=True), current()
    waiting = waiting_keys(master)
    for row in waiting:
        key = masters.open_key(row)
        if key is None:
            raise masters.Closed(f"the key of {' '.join(row.owner)} does not open")
        row.wrapped = masters.wrap(ring.keys[master.code], key, ":".join(row.owner))
        row.master = master.code
        if isinstance(row, PersonKey):
            act.frame.touched.add(row.person)
    act.note(taken_over=len(waiting))
    return len(waiting)


def _unfinished(master: MasterKey, by: Principal) -> Obstacle | None:
    return None if master.finished_at is None else FINISHED()


@action(
    "master_key.finish", kind="master_key", operator=True, unless=(_last, _unfinished),
    locks=lambda _master: masters.all_keys(),
)  # fmt: skip
def finish(master: MasterKey) -> None:
    """End the change of keys: everything has come over, and the key before opens nothing any more."""
    if open_still := left(master):
        raise Refused(LEFT(left=open_still))
    if masters.fingerprint_of(masters.the_set()) != master.code:
        raise Refused(NOT_SET(key=master.code))
    master.forward = master.back = None
    master.finished_at = clock.now()


def take_over_all(master: MasterKey, by: Principal) -> Iterator[int]:
    """Wrap everybody's key by this master key, act by act; yields how many each took; then those of apps."""
    while (done := take_over(master, by=by)) and done > 0:
        yield done
    if done := factors.come_over(master.code):
        yield done


# --- fit to serve ----------------------------------------------------------------------------------


def unfit() -> str | None:
    """Why the service must not start with the key that is set, in one sentence; nothing when it may."""
    if instance().is_demonstration:
        return None
    found, here = masters.in_force(), masters.fingerprint_of(masters.the_set())
    if found is None or found.shares_read is None:
        return (
            "No master key is in force: run `mscbank keys init`, which has two of its three shares read back."
        )
    try:
        open_keys = masters.ring(fresh=True).keys
    except masters.Closed as closed:
        return f"MSCBANK_MASTER_KEY opens nothing: {closed}."
    if found.code not in open_keys:
        return f"MSCBANK_MASTER_KEY is the key {here}; the key in force is {found.code}."
    for model in masters.data_keys():
        for row in session.scalars(select(model).where(model.id.in_(_last_of_each(model)))):
            if row.master not in open_keys:
                return f"MSCBANK_MASTER_KEY does not open what is stored: the key {row.master} is missing."
            if masters.open_key(row) is None:
                return f"MSCBANK_MASTER_KEY does not open what is stored: {' '.join(row.owner)}."
    return None


def _last_of_each(model: type[DataKey]) -> Any:
    """The last data key of a table under each master key."""
    return select(func.max(model.id)).where(model.destroyed_at.is_(None)).group_by(model.master)


# --- the yearly check ------------------------------------------------------------------------------


def examined() -> tuple[int, list[str]]:
    """How many people have a key, and a sentence for each whose key does not open or who is not found."""
    open_keys = masters.ring(fresh=True).keys
    faults: dict[tuple[str, ...], str] = {}
    count = 0
    for model in masters.data_keys():
        for row in session.scalars(select(model).where(model.destroyed_at.is_(None))):
            count += 1
            if row.master not in open_keys or masters.open_key(row) is None:
                faults[row.owner] = f"the key of {' '.join(row.owner)} does not open"
    for _name, (kind, code, why) in checks.run(FOUND_BY_NAME):
        faults.setdefault((kind, code), f"{kind} {code}: {why}")
    return count, list(faults.values())


@action("master_key.examine", kind="master_key", operator=True, unless=_last)
def examine(
    master: MasterKey, *, by: Principal, people: int, faults: list[str], shares: str | None
) -> KeyCheck:
    """Keep what a check of the keys found, and which shares gave the key in force."""
    last = session.scalar(select(func.max(KeyCheck.number)).where(KeyCheck.master_id == master.id))
    made = KeyCheck(
        master=master, number=(last or 0) + 1, examined_at=clock.now(), examined_by=by.login, people=people,
        opened=max(people - len(faults), 0), faults="\n".join(faults) or None, shares=shares,
    )  # fmt: skip
    session.add(made)
    return made


def last_check(master: MasterKey) -> KeyCheck | None:
    """The last check of a master key."""
    return session.scalar(
        select(KeyCheck).where(KeyCheck.master_id == master.id).order_by(KeyCheck.number.desc()).limit(1)
    )


def all_checks(master: MasterKey) -> list[KeyCheck]:
    """The checks of a master key, the newest first."""
    return list(
        session.scalars(
            select(KeyCheck).where(KeyCheck.master_id == master.id).order_by(KeyCheck.number.desc())
        )
    )


def to_sign(master: MasterKey, by: Principal) -> Obstacle | None:
    """Why the last check of this key cannot be signed now; nothing when it can."""
    if obstacle := _last(master, by):
        return obstacle
    found = last_check(master)
    if found is None or found.signed_at is not None or clock.now() - found.examined_at > FRESH:
        return NOTHING_TO_SIGN()
    return None if found.holds else DOES_NOT_HOLD()


def _found(master: MasterKey) -> dict[str, Any]:
    """What is signed: the key by its fingerprint, and what the check found."""
    found = last_check(master)
    if found is None:
        return {"key": master.code}
    return {
        "key": master.code, "check": found.number, "examined_at": found.examined_at, "people": found.people,
        "opened": found.opened, "shares": found.shares, "faults": found.faults,
    }  # fmt: skip


@action(
    "master_key.sign_check", kind="master_key", role=SIGNERS, unless=to_sign, signs=SIGNED, content=_found
)
def sign_check(master: MasterKey, *, by: Principal) -> None:
    """Sign that the keys were checked this year: all of them open, and two shares gave the key in force."""
    found = last_check(master)
    if found is None:
        raise Refused(NOTHING_TO_SIGN())
    found.signed_at, found.signed_by = clock.now(), by.login


def signed_last() -> datetime | None:
    """When a check of the keys was signed last."""
    return session.scalar(select(func.max(KeyCheck.signed_at)))


def due_on(master: MasterKey) -> date:
    """The day on which the next check is signed at the latest."""
    since = max(filter(None, (signed_last(), master.introduced_at)))
    days = parameters.value(CHECK_DAYS)
    return since.astimezone(ZoneInfo(instance().zone)).date() + timedelta(days=days)
