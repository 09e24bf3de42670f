"""What each result and each answer means for the donor, by profile (D §3.3, §3.4). Pure.

A reactive result is never cleared by a repeat that is not: only a confirmatory test refutes it, and only
where the rule knows confirmation. Results of FDA profiles beyond 21 CFR 1271.80 are general knowledge.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from mscbank.collection import windows
from mscbank.collection.panel import (
    AGENTS,
    FOR_INFORMATION,
    MARKER_WORDS,
    PANEL,
    TEMPORARY,
    TOPIC_WORDS,
    Dilution,
    Marker,
    Outcome,
    Topic,
)
from mscbank.collection.windows import Profile
from mscbank.core.i18n import Sentence, _


class Weight(StrEnum):
    """What a finding does to the verdict."""

    EXCLUDES = "excludes"
    OPEN = "open"
    DEFERS = "defers"
    RISK = "risk"
    INFORMS = "informs"


class Verdict(StrEnum):
    """What the findings add up to."""

    INELIGIBLE = "ineligible"
    INCOMPLETE = "incomplete"
    DEFER = "defer"
    RISK_ASSESSMENT = "risk_assessment"
    ELIGIBLE = "eligible"


@dataclass(frozen=True)
class Result:
    """One reported result of one marker."""

    number: int
    marker: Marker
    outcome: Outcome
    sampled_on: date
    is_confirmatory: bool = False
    dilution: Dilution = Dilution.NONE

    @property
    def counts(self) -> bool:
        """Whether the sample could be read: usable, and not diluted by more than half without a fit kit."""
        return self.outcome is not Outcome.SAMPLE_UNUSABLE and self.dilution is not Dilution.MORE


@dataclass(frozen=True)
class Finding:
    """One thing found, what it does, and the sentence that is shown and signed."""

    weight: Weight
    about: Marker | Topic
    sentence: Sentence

    @property
    def agent(self) -> str | None:
        """The infectious agent behind a finding by test."""
        return AGENTS[self.about] if isinstance(self.about, Marker) else None


@dataclass(frozen=True)
class Judgement:
    """All findings and what they add up to."""

    findings: tuple[Finding, ...]

    def of(self, *weights: Weight) -> list[Finding]:
        """The findings of these weights."""
        return [finding for finding in self.findings if finding.weight in weights]

    @property
    def verdict(self) -> Verdict:
        """The heaviest thing found: an exclusion stands even while something else is still open."""
        for weight, verdict in _ADDS_UP.items():
            if self.of(weight):
                return verdict
        return Verdict.ELIGIBLE

    @property
    def is_complete(self) -> bool:
        """Whether nothing is open."""
        return not self.of(Weight.OPEN)

    def lines(self) -> list[str]:
        """The findings in words, the heaviest first."""
        order = [*_ADDS_UP, Weight.INFORMS]
        return [str(f.sentence) for f in sorted(self.findings, key=lambda f: order.index(f.weight))]


_ADDS_UP = {
    Weight.EXCLUDES: Verdict.INELIGIBLE,
    Weight.OPEN: Verdict.INCOMPLETE,
    Weight.DEFERS: Verdict.DEFER,
    Weight.RISK: Verdict.RISK_ASSESSMENT,
}

M = Marker
ALWAYS_EXCLUDES = frozenset({M.HIV_NAT, M.HBV_NAT, M.HCV_NAT, M.WNV_NAT, M.HBS_ANTIGEN})
"""Reactive once, ineligible: nucleic acid found, or the surface antigen."""
NEEDS_CONFIRMATION = frozenset({M.HIV_ANTIBODY, M.HCV_ANTIBODY, M.HTLV_ANTIBODY})


def judge(
    profile: Profile,
    results: Iterable[Result],
    answers: Mapping[Topic, bool],
    donated_on: date,
    panel: Sequence[Marker] = PANEL,
) -> Judgement:
    """Judge results and history for a donation on a (planned or true) civil date."""
    listed = sorted(results, key=lambda result: result.number)
    found: list[Finding] = []
    for marker in [*panel, *(m for m in Marker if m not in panel)]:
        own = [result for result in listed if result.marker is marker]
        if marker in panel:
            found += _covered(profile, marker, own, donated_on)
        found += _reading(profile, marker, [result for result in own if result.counts])
    for topic in Topic:
        found += _answer(profile, topic, answers.get(topic))
    return Judgement(tuple(found))


def _covered(profile: Profile, marker: Marker, own: list[Result], donated_on: date) -> list[Finding]:
    """Whether the marker has a readable sample in the window."""
    name = MARKER_WORDS[marker]
    if not own:
        return [Finding(Weight.OPEN, marker, _("%(marker)s: no result yet.", marker=name))]
    readable = [r for r in own if r.counts and r.outcome is not Outcome.INDETERMINATE]
    if not readable:
        return [Finding(Weight.OPEN, marker, _("%(marker)s: no readable sample. Sample again.", marker=name))]
    if not any(windows.accepts(profile, donated_on, r.sampled_on) for r in readable):
        sentence = _(
            "%(marker)s: no sample between %(first)s and %(last)s. Sample this marker again.",
            marker=name,
            first=windows.first_day(profile, donated_on),
            last=windows.last_day(profile, donated_on),
        )
        return [Finding(Weight.OPEN, marker, sentence)]
    return []


def _reading(profile: Profile, marker: Marker, own: list[Result]) -> list[Finding]:
    """What the readable results of one marker mean."""
    name = MARKER_WORDS[marker]
    reactive = [r for r in own if r.outcome is Outcome.REACTIVE]
    if not reactive:
        return _doubtful(marker, own)
    fda = profile is Profile.FDA_MARROW
    if marker in FOR_INFORMATION:
        return [
            Finding(Weight.INFORMS, marker, _("%(marker)s: positive, told to the prescriber.", marker=name))
        ]
    if marker in ALWAYS_EXCLUDES:
        return [Finding(Weight.EXCLUDES, marker, _("%(marker)s: reactive.", marker=name))]
    if marker in NEEDS_CONFIRMATION or marker is M.SYPHILIS:
        return [_confirmed(fda, marker, own, reactive)]
    weight = Weight.EXCLUDES if fda else Weight.RISK
    return [Finding(weight, marker, _("%(marker)s: reactive.", marker=name))]


def _doubtful(marker: Marker, own: list[Result]) -> list[Finding]:
    """An indeterminate result stays open until a later one is clear."""
    if own and own[-1].outcome is Outcome.INDETERMINATE:
        sentence = _("%(marker)s: indeterminate. Test again.", marker=MARKER_WORDS[marker])
        return [Finding(Weight.OPEN, marker, sentence)]
    return []


def _confirmed(fda: bool, marker: Marker, own: list[Result], reactive: list[Result]) -> Finding:
    """A reactive screening with what its confirmatory test said.

    Syphilis: non-treponemal reactive with treponemal non-reactive does not prevent use, treponemal reactive
    asks for a risk assessment (2006/17 Annex II 1.4). FDA: an antibody screening that reacts excludes,
    confirmed or not.
    """
    name = MARKER_WORDS[marker]
    last_screening = max((r.number for r in reactive if not r.is_confirmatory), default=0)
    refuted = any(
        r.is_confirmatory and r.outcome is Outcome.NON_REACTIVE and r.number > last_screening for r in own
    )
    if any(r.is_confirmatory for r in reactive):
        weight = Weight.RISK if marker is M.SYPHILIS and not fda else Weight.EXCLUDES
        return Finding(weight, marker, _("%(marker)s: reactive, confirmed.", marker=name))
    if fda and marker in NEEDS_CONFIRMATION:
        return Finding(Weight.EXCLUDES, marker, _("%(marker)s: reactive.", marker=name))
    if refuted:
        return Finding(Weight.INFORMS, marker, _("%(marker)s: reactive, not confirmed.", marker=name))
    return Finding(Weight.OPEN, marker, _("%(marker)s: reactive. A confirmatory test is due.", marker=name))


def _answer(profile: Profile, topic: Topic, present: bool | None) -> list[Finding]:
    """What an answer of the history does: families of deferral and exclusion (2006/17 Annex I)."""
    name = TOPIC_WORDS[topic]
    if present is None:
        return [Finding(Weight.OPEN, topic, _("History: %(topic)s not asked yet.", topic=name))]
    if not present:
        return []
    if topic in TEMPORARY:
        return [Finding(Weight.DEFERS, topic, _("History: %(topic)s.", topic=name))]
    weight = Weight.EXCLUDES if profile is Profile.FDA_MARROW else Weight.RISK
    return [Finding(weight, topic, _("History: %(topic)s.", topic=name))]
