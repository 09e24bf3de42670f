"""What sites and master keys tell on their pages; the yearly check and the review of access as tasks."""

from datetime import timedelta
from typing import Any

from flask import url_for

from mscbank.core import clock, links, masters
from mscbank.core.access import Principal, Role
from mscbank.core.i18n import _
from mscbank.core.instance import instance
from mscbank.core.links import Task
from mscbank.core.masters import MasterKey
from mscbank.core.web.filters import day, local, person
from mscbank.staff import emergency, keys, reviewing, sweeping  # noqa: F401 - says what of its tables is swept
from mscbank.staff.models import KeyCheck, Site

AHEAD = timedelta(days=30)
REVIEWED_WITHIN = timedelta(days=1)
"""How soon the use of an emergency account is reviewed."""

Fact = tuple[Any, Any]


def of_site(site: Site) -> list[Fact]:
    """What a site's page says of it."""
    return [
        (_("Code"), site.code),
        (_("Time zone"), site.zone),
        (_("Wristbands"), site.wristband_format or _("any form")),
        (_("Hospital numbers"), site.hospital_number_format or _("any form")),
    ]


def of_key(master: MasterKey) -> list[Fact]:
    """What a master key's page says of it: fingerprint, shares, what still has to come over, its checks."""
    facts: list[Fact] = [
        (_("Fingerprint"), master.code),
        (_("In force since"), local(master.introduced_at)),
        (_("Shares read back"), master.shares_read or _("none: a demonstration")),
    ]
    if master.finished_at is None:
        facts.append((_("Keys of people that have not come over"), keys.left(master)))
    last = masters.in_force()
    if last is not None and last.code == master.code:
        facts.append((_("Next check is due"), day(keys.due_on(master))))
    else:
        facts.append((_("State"), _("followed by another key")))
    return facts + [_told(check) for check in keys.all_checks(master)[:5]]


def _told(check: KeyCheck) -> Fact:
    found = _(
        "%(when)s: %(opened)s of %(people)s keys opened, shares %(shares)s",
        when=local(check.examined_at), opened=check.opened, people=check.people, shares=check.shares or "–",
    )  # fmt: skip
    if check.signed_at is None:
        return _("Check %(number)s", number=check.number), _("%(found)s; not signed", found=found)
    signed = _("%(found)s; signed by %(who)s", found=found, who=person(check.signed_by))
    return _("Check %(number)s", number=check.number), signed


@links.worklist
def key_checks(by: Principal) -> list[Task]:
    """The yearly check of the keys, from thirty days before it is due."""
    master = masters.in_force() if by.holds(keys.SIGNERS) else None
    if master is None:
        return []
    due, today = keys.due_on(master), clock.today(instance().zone)
    if due - timedelta(days=keys.WARN_DAYS) > today:
        return []
    stands_open = keys.to_sign(master, by)
    detail = stands_open.sentence if stands_open else _("every key opened, two shares were read")
    return [
        Task(
            step="staff",
            title=_("Sign the yearly check of the keys"),
            detail=f"{master.code} · {detail}",
            url=url_for("keys.show", code=master.code),
            button=_("Look at it"),
            due=due,
            thing=(master.kind, master.code),
        )
    ]


@links.worklist
def access_reviews(by: Principal) -> list[Task]:
    """The review of access, a month before the first role is due again."""
    if by.holds(Role.QA) is None:
        return []
    due = reviewing.due_at(by)
    if due is None or due - AHEAD > clock.now():
        return []
    return [
        Task(
            step="staff", title=_("Review who has access"),
            detail=str(_("Each role is confirmed or taken away")),
            url=url_for("access_reviews.form_review"), button=_("Review"), due=due, sign=("person", "move"),
        )
    ]  # fmt: skip


@links.worklist
def emergency_uses(by: Principal) -> list[Task]:
    """Each use of an emergency account, until it is reviewed; due the next day."""
    if by.holds(Role.QA) is None:
        return []
    return [
        Task(
            step="staff", title=_("Review the use of an emergency account"),
            detail=str(_("%(account)s, held by %(name)s since %(when)s", account=one.person.printed_name,
                         name=one.opened_by, when=local(one.opened_at))),
            url=url_for("people.act_review_use", code=one.person.code), button=_("Review"),
            due=one.opened_at and one.opened_at + REVIEWED_WITHIN, sign=("octagon", "stop"),
            thing=(one.person.kind, one.person.code),
        )
        for one in emergency.waiting()
    ]  # fmt: skip
