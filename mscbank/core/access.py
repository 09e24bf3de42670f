"""Who is there: principals, their roles by site, and the two doors that ``staff`` opens for the core."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum

from mscbank.core.i18n import Sentence, _


class Role(StrEnum):
    """What a person may do; held for one site or for all (D §10)."""

    COLLECTION = "collection"
    LAB_TECH = "lab_tech"
    QC_ANALYST = "qc_analyst"
    QA = "qa"
    QP = "qp"
    PRESCRIBER = "prescriber"
    PHARMACIST = "pharmacist"
    NURSE = "nurse"
    INVESTIGATOR = "investigator"
    TREATING_PHYSICIAN = "treating_physician"
    PV_OFFICER = "pv_officer"
    SAFETY_REVIEWER = "safety_reviewer"
    MEDICAL_DIRECTOR = "medical_director"
    RESPONSIBLE_PERSON = "responsible_person"
    COURIER = "courier"
    RECEIVING_SITE = "receiving_site"
    AUDITOR = "auditor"
    MONITOR = "monitor"
    SPONSOR = "sponsor"
    INSPECTOR = "inspector"
    ADMIN = "admin"


ROLE_WORDS: dict[Role, Sentence] = {
    Role.COLLECTION: _("collection nurse"),
    Role.LAB_TECH: _("lab technician"),
    Role.QC_ANALYST: _("quality control analyst"),
    Role.QA: _("quality assurance"),
    Role.QP: _("qualified person"),
    Role.PRESCRIBER: _("prescriber"),
    Role.PHARMACIST: _("pharmacist"),
    Role.NURSE: _("nurse"),
    Role.INVESTIGATOR: _("investigator"),
    Role.TREATING_PHYSICIAN: _("treating physician"),
    Role.PV_OFFICER: _("pharmacovigilance officer"),
    Role.SAFETY_REVIEWER: _("safety reviewer"),
    Role.MEDICAL_DIRECTOR: _("medical director"),
    Role.RESPONSIBLE_PERSON: _("responsible person"),
    Role.COURIER: _("courier"),
    Role.RECEIVING_SITE: _("receiving site"),
    Role.AUDITOR: _("auditor, read only"),
    Role.MONITOR: _("monitor"),
    Role.SPONSOR: _("sponsor"),
    Role.INSPECTOR: _("inspector"),
    Role.ADMIN: _("administrator of accounts"),
}

CODES_ONLY = frozenset({Role.MONITOR, Role.SPONSOR})
"""Roles that see codes and never names."""

READ_ONLY = frozenset({Role.AUDITOR, Role.MONITOR, Role.SPONSOR, Role.INSPECTOR})


class Kind(StrEnum):
    """What stands behind an act: a person, or one of the three that no log-in can produce."""

    PERSON = "person"
    SYSTEM = "system"
    OPERATOR = "operator"
    DEVICE = "device"


@dataclass(frozen=True)
class Grant:
    """A role for one site (its code) or, with ``site=None``, for all of them."""

    role: Role
    site: str | None = None


@dataclass(frozen=True)
class Principal:
    """Somebody who acts: the login, the name as printed, the roles by site."""

    login: str
    printed_name: str
    grants: frozenset[Grant] = field(default_factory=frozenset)
    kind: Kind = Kind.PERSON
    scopes: frozenset[str] | None = None
    session: str | None = None
    """The handle of the browser's session; none for a program, and for whoever is only named."""
    factors: frozenset[str] = frozenset()
    """The second factors of the account: ``app``, ``passkey``."""
    emergency: bool = False
    """Whether this is an emergency account, whose secret lay sealed; it acts in its one session alone."""
    must_enrol: bool = False
    """Whether a second factor is demanded of this person, who has none: nothing but enrolling one is open."""

    @property
    def roles(self) -> frozenset[Role]:
        """All roles, at whatever site."""
        return frozenset(grant.role for grant in self.grants)

    def holds(self, roles: Role | tuple[Role, ...], site: str | None = None) -> Role | None:
        """The first of ``roles`` that this person holds at ``site``; ``None`` when none of them."""
        wanted = (roles,) if isinstance(roles, Role) else roles
        for role in wanted:
            for grant in self.grants:
                if grant.role is role and (grant.site is None or site is None or grant.site == site):
                    return role
        return None

    def sees(self, site: str | None) -> bool:
        """Whether a thing of ``site`` exists for this person at all."""
        if self.kind in (Kind.SYSTEM, Kind.OPERATOR) or site is None:
            return True
        return any(grant.site is None or grant.site == site for grant in self.grants)

    def may_use(self, action: str) -> bool:
        """Whether the token, if it is one, was made for this action; a device's names its actions."""
        if self.scopes is None:
            return self.kind is not Kind.DEVICE
        wanted = {action, action.split(".")[0]} | ({"write"} if self.kind is Kind.PERSON else set())
        return not self.scopes.isdisjoint(wanted)

    @property
    def may_read(self) -> bool:
        """Whether the token, if it is one, was made for reading."""
        return self.scopes is None or not self.scopes.isdisjoint({"read", "write"})

    @property
    def sees_names(self) -> bool:
        """Whether names may be shown; sponsor and monitor see codes only, accounts give no clinical sight.

        An inspector unseals one person by an act of its own.
        """
        return self.kind is Kind.PERSON and bool(self.roles - CODES_ONLY - {Role.ADMIN, Role.INSPECTOR})

    @property
    def unseals(self) -> bool:
        """Whether names may be shown of somebody whom this reader has unsealed, with a reason."""
        return self.kind is Kind.PERSON and Role.INSPECTOR in self.roles

    @property
    def role_label(self) -> str:
        """The roles in words, as the bar and the record print them."""
        return ", ".join(str(ROLE_WORDS[role]) for role in Role if role in self.roles)


def system(rule: str) -> Principal:
    """The clockwork, acting by a named rule; it never signs."""
    return Principal(login=f"system:{rule}", printed_name=f"mscbank, rule {rule}", kind=Kind.SYSTEM)


def operator(user: str) -> Principal:
    """Somebody at the command line of the host, by the operating system's user name."""
    return Principal(
        login=f"operator:{user}", printed_name=f"{user}, operator of the host", kind=Kind.OPERATOR
    )


_load: list[Callable[[str], Principal | None]] = []
_check: list[Callable[[str, str], bool]] = []
_names: list[Callable[[], dict[str, str]]] = []


def register_staff(
    *,
    load: Callable[[str], Principal | None],
    check: Callable[[str, str], bool],
    names: Callable[[], dict[str, str]] = dict,
) -> None:
    """``staff`` says how a login becomes a principal, how a secret is verified (and counted), who is who."""
    _load[:] = [load]
    _check[:] = [check]
    _names[:] = [names]


def printed_names() -> dict[str, str]:
    """Login → printed name of everybody who ever had an account."""
    return _names[0]() if _names else {}


def load(login: str) -> Principal | None:
    """The principal of a login that may act now, or ``None``."""
    return _load[0](login) if _load else None


_signing: ContextVar[tuple[str, tuple[str, str] | None] | None] = ContextVar("signing", default=None)


@contextmanager
def signing(action: str, about: tuple[str, str] | None) -> Iterator[None]:
    """The secrets that are verified inside sign this action on this thing (its kind and code)."""
    token = _signing.set((action, about))
    try:
        yield
    finally:
        _signing.reset(token)


def being_signed() -> tuple[str, tuple[str, str] | None] | None:
    """The action that a secret is being verified for, and the thing that it is about."""
    return _signing.get()


def check_secret(login: str, secret: str) -> bool:
    """Whether the secret is right; a wrong one is counted and slows the next try down (21 CFR 11.300)."""
    return bool(_check) and _check[0](login, secret)
