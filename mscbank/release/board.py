"""What the page of a release shows: the board, the results, what changed, who is independent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from markupsafe import Markup

from mscbank.core.access import ROLE_WORDS, Principal, Role
from mscbank.core.i18n import Sentence, _
from mscbank.core.pictures import limit_bar, segmented_bar
from mscbank.core.web.filters import day, person
from mscbank.release.criteria import Outcome
from mscbank.release.facts import civil
from mscbank.release.judged import Judged
from mscbank.release.readiness import Dossier, Group, Item, Standing, counts, items
from mscbank.release.units import in_unit
from mscbank.release.words import verdict_words

DONE, WAITING, LATE = ("check", "go"), ("triangle", "wait"), ("octagon", "stop")
RECORD_GROUPS = frozenset(Group) - {Group.TEST}


def due_words(due: date | None, today: date) -> tuple[str, str, Sentence | str]:
    """How late: silhouette, colour, words beside the date."""
    if due is None:
        return "triangle", "wait", _("open")
    days = (due - today).days
    if days < 0:
        return "octagon", "stop", _("1 day late") if days == -1 else _("%(n)s days late", n=-days)
    if days == 0:
        return "triangle", "wait", _("due today")
    return "clock", "move", _("tomorrow") if days == 1 else _("in %(n)s days", n=days)


@dataclass(frozen=True)
class Board:
    """Everything that blocks, who must act, when; and what is done."""

    dossier: Dossier
    listed: list[Item]

    @classmethod
    def of(cls, dossier: Dossier) -> "Board":
        """The board of a dossier."""
        return cls(dossier, items(dossier))

    @property
    def open(self) -> list[Item]:
        """The lines that block, most urgent first."""
        return [item for item in self.listed if item.obstacle is not None]

    @property
    def counted(self) -> dict[Standing, int]:
        """How many are done, waiting, late."""
        return counts(self.listed, self.dossier.today)

    def blockers(self, urls: dict[str, str]) -> list[dict[str, Any]]:
        """Rows of the blocker table; ``urls`` leads from a line's key to where it is settled."""
        return [self._row(item, urls) for item in self.open]

    def _row(self, item: Item, urls: dict[str, str]) -> dict[str, Any]:
        sign, colour, word = due_words(item.due, self.dossier.today)
        roles = item.obstacle.roles if item.obstacle else ()
        return {
            "what": str(item.what),
            "url": urls.get(item.key),
            "stands": str(item.stands),
            "who": ", ".join(str(ROLE_WORDS[role]) for role in roles) or "–",
            "due": day(item.due),
            "sign": sign,
            "colour": colour,
            "word": str(word),
        }

    def rest(self, urls: dict[str, str]) -> list[dict[str, Any]]:
        """The rest of the record: what is no test, done or not."""
        rows = []
        for item in self.listed:
            if item.group in RECORD_GROUPS:
                sign, colour = DONE if item.obstacle is None else WAITING
                rows.append(
                    {"sign": sign, "colour": colour, "what": str(item.what), "note": str(item.stands),
                     "url": urls.get(item.key)}
                )  # fmt: skip
        return rows

    @property
    def legend(self) -> list[tuple[str, str, str]]:
        """Silhouette, colour and words of the three counts; zeros are printed."""
        n = self.counted
        return [
            (*DONE, str(_("%(n)s done", n=n[Standing.DONE]))),
            (*WAITING, str(_("%(n)s waiting", n=n[Standing.WAITING]))),
            (*LATE, str(_("%(n)s late", n=n[Standing.LATE]))),
        ]

    @property
    def bar(self) -> Markup:
        """The whole in its three parts."""
        n = self.counted
        parts = [
            (n[standing], colour, words)
            for standing, (_sign, colour, words) in zip(Standing, self.legend, strict=True)
        ]
        sentence = ", ".join(words for _sign, _colour, words in self.legend)
        return segmented_bar(parts, title=str(_("Readiness")), sentence=sentence)


def result_rows(listed: Sequence[Judged], dossier: Dossier, zone: str) -> list[dict[str, Any]]:
    """Rows of the result table: open and failing first, what passes after, in the specification's order."""
    due = {assay.verdict.limit.attribute: assay.due for assay in dossier.assays}
    rows = []
    for one in listed:
        sign, colour, word = verdict_words(one.verdict)
        standing = one.standing
        rows.append(
            {
                "test": one.criterion.label,
                "limit": one.limit,
                "result": one.shown or str(_("no result")),
                "bar": bar_of(one),
                "date": day(civil(standing[-1].result.tested_at, zone)) if standing
                else str(_("due %(day)s", day=day(due.get(one.criterion.attribute)))),
                "sign": sign,
                "colour": colour,
                "word": word,
                "changed": one.changed,
            }
        )  # fmt: skip
    order = {"stop": 0, "wait": 1}
    return sorted(rows, key=lambda row: order.get(row["colour"], 2))


def result_note(listed: Sequence[Judged]) -> Sentence:
    """What the table of results says in one line."""
    outside = sum(one.verdict.outcome is Outcome.FAILS for one in listed)
    waiting = sum(not one.verdict.met and one.verdict.outcome is not Outcome.FAILS for one in listed
                  if one.verdict.limit.blocking)  # fmt: skip
    passing = sum(one.verdict.outcome is Outcome.PASSES and one.verdict.met for one in listed)
    return _(
        "exceptions first · %(open)s open, %(passing)s pass, %(outside)s outside · compared without rounding",
        open=waiting, passing=passing, outside=outside,
    )  # fmt: skip


def bar_of(one: Judged) -> Markup | None:
    """Where the results lie between their limits; nothing without a number or without a limit."""
    low, high = one.criterion.low, one.criterion.high
    values = [
        value
        for line in one.standing
        if line.result.value is not None
        and (value := in_unit(line.result.value, line.result.unit, one.criterion.unit)) is not None
    ]
    if not values or (low is None and high is None):
        return None
    start, end = _span(values, _exact(low), _exact(high), one.criterion.unit)
    sentence = f"{one.criterion.label}: {one.shown}, {one.limit}"
    return limit_bar(
        values, start=start, end=end, low=low, high=high, title=one.criterion.label, sentence=sentence
    )


def _exact(number: Decimal | None) -> Fraction | None:
    return None if number is None else Fraction(number)


def _span(
    values: Sequence[Fraction], low: Fraction | None, high: Fraction | None, unit: str
) -> tuple[Fraction, Fraction]:
    """How much of the scale is drawn: the limits in the middle, never cutting a value off without a sign."""
    if low is not None and high is not None:
        return low - (high - low), high + (high - low)
    if high is not None:
        return Fraction(0), high * 2 if high else max(*values, Fraction(1))
    least = low or Fraction(0)
    end = Fraction(100) if unit == "%" and least < 100 else least * 2
    return least - (end - least), end


def changes(listed: Sequence[Judged], zone: str) -> list[tuple[str, str, str, str]]:
    """What changed since entry: test, old value, new value, why and by whom (Annex 11, 8.2)."""
    found = []
    for one in listed:
        for line in one.lines:
            new = line.corrected_by
            if new is None:
                continue
            later = next(each for each in one.lines if each.result.id == new.id)
            reviewer = person(later.review.reviewed_by) if later.review else None
            note = f"{new.reason} {person(new.entered_by)}, {day(civil(new.entered_at, zone))}"
            note += "; " + str(_("reviewed %(who)s", who=reviewer) if reviewer else _("not reviewed yet"))
            found.append((one.criterion.label, line.shown, later.shown, note))
    return found


def entered_count(listed: Sequence[Judged]) -> int:
    """How many values were entered."""
    return sum(len(one.lines) for one in listed)


def independence(dossier: Dossier, by: Principal) -> list[dict[str, str]]:
    """What stands for and against this person's judgement, said rather than assumed."""
    lines = [
        (
            by.login not in dossier.executors,
            _("You made nothing in this batch"),
            _("You worked on this batch"),
        ),
        (
            by.login not in dossier.entered | dossier.reviewed,
            _("You entered and reviewed no result"),
            _("You entered or reviewed results of this batch"),
        ),
    ]
    if dossier.checked_by is not None:
        lines.append(
            (
                by.login != dossier.checked_by,
                _("Somebody else checked it"),
                _("You checked this batch yourself"),
            )
        )
    return [
        {"sign": "check", "colour": "go", "what": str(good)}
        if stands
        else {"sign": "octagon", "colour": "stop", "what": str(bad)}
        for stands, good, bad in lines
    ]


def judges(by: Principal, site: str | None) -> bool:
    """Whether this person may ever judge a batch, so that independence is worth saying."""
    return by.holds((Role.QP, Role.QA), site) is not None
