"""The shape of releases and results, in and out, for pages and API alike."""

from typing import Any

import marshmallow as ma

from mscbank.core import fields
from mscbank.core.access import ROLE_WORDS
from mscbank.core.i18n import _
from mscbank.release.criteria import Qualifier
from mscbank.release.exceptions import Why
from mscbank.release.facts import dossiers
from mscbank.release.judged import Judged, Line, judged
from mscbank.release.models import (
    HASH_LENGTH,
    JUSTIFICATION_LENGTH,
    RESULT_PLACES,
    Cause,
    Finding,
    Release,
)
from mscbank.release.readiness import counts, items
from mscbank.release.states import State
from mscbank.release.words import FINDING_WORDS
from mscbank.study.models import ATTRIBUTE_LENGTH, TITLE_LENGTH, UNIT_LENGTH

LONG = 5000
MOST_RESULTS = 1000
MOST_TESTS = 200


# --- out -----------------------------------------------------------------------------------------


class ResultSchema(fields.Schema):
    """One result, standing or not."""

    attribute = fields.Text()
    number = fields.Number()
    value_text = fields.Text()
    value = fields.Exact(RESULT_PLACES, allow_none=True)
    qualifier = fields.Choice(Qualifier)
    unit = fields.Text()
    detail = fields.Text(allow_none=True)
    tested_at = fields.When()
    entered_by = fields.Text()
    entered_at = fields.When()
    reason = fields.Text(allow_none=True)
    corrects = fields.Number(allow_none=True)
    reviewed_by = fields.Text(allow_none=True)
    reviewed_at = fields.When(allow_none=True)
    is_standing = fields.Flag()
    is_invalid = fields.Flag()


class CriterionSchema(fields.Schema):
    """A criterion of the frozen specification with its results and what they say together."""

    attribute = fields.Text()
    label = fields.Text()
    limit = fields.Text()
    blocking = fields.Flag()
    may_be_pending = fields.Flag()
    outcome = fields.Text()
    is_met = fields.Flag()
    results = ma.fields.List(fields.Nested(ResultSchema))


class ItemSchema(fields.Schema):
    """One line of the readiness board."""

    group = fields.Text()
    key = fields.Text()
    what = fields.Text()
    stands = fields.Text()
    standing = fields.Text()
    due = fields.Day(allow_none=True)
    obstacle = ma.fields.Dict(allow_none=True)
    who = ma.fields.List(ma.fields.String())


class ReadinessSchema(fields.Schema):
    """Everything that blocks a release, who must act, when; and what is done."""

    done = fields.Number()
    waiting = fields.Number()
    late = fields.Number()
    items = ma.fields.List(fields.Nested(ItemSchema))


class InvestigationSchema(fields.Schema):
    """An investigation of a result outside its limit."""

    number = fields.Number()
    attribute = fields.Text()
    opened_by = fields.Text()
    opened_at = fields.When()
    finding = fields.Choice(Finding, allow_none=True)
    conclusion = fields.Text(max=LONG, allow_none=True)
    decided_by = fields.Text(allow_none=True)
    decided_at = fields.When(allow_none=True)


class SuspensionSchema(fields.Schema):
    """One cause for which the batch was stopped."""

    number = fields.Number()
    cause = fields.Choice(Cause)
    reason = fields.Text(max=LONG)
    placed_by = fields.Text()
    placed_at = fields.When()
    lifted_by = fields.Text(allow_none=True)
    lifted_at = fields.When(allow_none=True)


class TrailReviewRowSchema(fields.Schema):
    """One signed review of the audit trail."""

    number = fields.Number()
    reviewed_by = fields.Text()
    reviewed_at = fields.When()
    comment = fields.Text(max=LONG)
    findings = fields.Text(max=LONG, allow_none=True)
    entries = fields.Number()
    exceptions = fields.Number()
    marks_hash = fields.Text()


class TrailThingSchema(fields.Schema):
    """A thing that an act was about."""

    kind = fields.Text()
    code = fields.Text()


class TrailChangeSchema(fields.Schema):
    """A value that an act changed, as people read it."""

    field = fields.Text()
    old = fields.Text(max=fields.LONGEST, allow_none=True)
    new = fields.Text(max=fields.LONGEST, allow_none=True)


class TrailSignatureSchema(fields.Schema):
    """A signature on an act, and whether what was signed still reads the same."""

    meaning = fields.Text()
    by = fields.Text()
    at = fields.When()
    holds = fields.Flag()
    badge_station = fields.Text(allow_none=True)


class TrailActSchema(fields.Schema):
    """One act of the audit trail, and why it is picked out."""

    act = fields.Text()
    action = fields.Text()
    what = fields.Text()
    who = fields.Text()
    role = fields.Text(max=fields.LONGEST)
    entered_at = fields.When()
    happened_at = fields.When()
    reason = fields.Text(allow_none=True)
    refused = fields.Text(allow_none=True, metadata={"description": "the code of the refusal"})
    things = ma.fields.List(fields.Nested(TrailThingSchema))
    changes = ma.fields.List(fields.Nested(TrailChangeSchema))
    why = ma.fields.List(fields.Choice(Why))
    is_new = fields.Flag(metadata={"description": "it came after the last review"})
    signatures = ma.fields.List(fields.Nested(TrailSignatureSchema))


class TrailSchema(fields.Schema):
    """The audit trail of a batch and its upstream, newest first."""

    seen = fields.Text(
        metadata={"description": "send it with the review: it is refused if the record went on"}
    )
    entries = fields.Number()
    picked_out = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Integer())
    acts = ma.fields.List(fields.Nested(TrailActSchema))
    reviews = ma.fields.List(fields.Nested(TrailReviewRowSchema))


class ResultsSchema(fields.Schema):
    """All criteria with all results."""

    criteria = ma.fields.List(fields.Nested(CriterionSchema))


class ReleaseSchema(fields.ThingSchema):
    """A release as it is shown."""

    batch = fields.Ref("batch")
    opened_by = fields.Text()
    opened_at = fields.When()
    checked_by = fields.Text(allow_none=True)
    checked_at = fields.When(allow_none=True)
    certified_by = fields.Text(allow_none=True)
    certified_at = fields.When(allow_none=True)
    released_by = fields.Text(allow_none=True)
    released_at = fields.When(allow_none=True)
    suspended_from = fields.Choice(State, allow_none=True)
    investigations = ma.fields.List(fields.Nested(InvestigationSchema))
    suspensions = ma.fields.List(fields.Nested(SuspensionSchema))


def results_of(release: Release) -> dict[str, Any]:
    """All criteria of the frozen specification with all results."""
    return {"criteria": [_criterion(one) for one in judged([release])[release.id]]}


def _criterion(one: Judged) -> dict[str, Any]:
    return {
        "attribute": one.criterion.attribute,
        "label": one.criterion.label,
        "limit": one.limit,
        "blocking": one.criterion.blocking,
        "may_be_pending": one.criterion.may_be_pending,
        "outcome": one.verdict.outcome.value,
        "is_met": one.verdict.met,
        "results": [_result(line) for line in one.lines],
    }


def _result(line: Line) -> dict[str, Any]:
    names = ("attribute", "number", "value_text", "value", "qualifier", "unit", "detail", "tested_at",
             "entered_by", "entered_at", "reason")  # fmt: skip
    return {name: getattr(line.result, name) for name in names} | {
        "corrects": line.result.corrects.number if line.result.corrects else None,
        "reviewed_by": line.review.reviewed_by if line.review else None,
        "reviewed_at": line.review.reviewed_at if line.review else None,
        "is_standing": line.standing,
        "is_invalid": line.invalid is not None,
    }


def readiness_of(release: Release) -> dict[str, Any]:
    """Everything that blocks the release, who must act and when; and what is done."""
    dossier = dossiers([release])[release.id]
    listed = items(dossier)
    counted = {standing.value: number for standing, number in counts(listed, dossier.today).items()}
    return counted | {
        "items": [
            {
                "group": item.group.value,
                "key": item.key,
                "what": str(item.what),
                "stands": str(item.stands),
                "standing": item.standing(dossier.today).value,
                "due": item.due,
                "obstacle": item.obstacle.as_json() if item.obstacle else None,
                "who": [str(ROLE_WORDS[role]) for role in item.obstacle.roles] if item.obstacle else [],
            }
            for item in listed
        ]
    }


# --- in ------------------------------------------------------------------------------------------


class OpenReviewSchema(fields.Schema):
    """The batch to be judged."""

    batch = fields.Ref("batch", required=True, label=_("Batch"))


def _value(**kw: Any) -> fields.Text:
    return fields.Text(
        max=TITLE_LENGTH,
        required=True,
        label=_("Result as reported"),
        help=_("As it stands in the report: 88.0, < 0.05, no growth, not detected. Nothing is rounded."),
        **kw,
    )


def _unit() -> fields.Text:
    return fields.Text(
        max=UNIT_LENGTH, load_default=None, allow_none=True, label=_("Unit of the report"),
        help=_("Left empty: the unit of the specification."),
    )  # fmt: skip


def _detail() -> fields.Text:
    return fields.Text(
        max=TITLE_LENGTH, load_default=None, allow_none=True, label=_("What else the report says")
    )


class EnterResultSchema(fields.Schema):
    """A result as it was reported."""

    attribute = fields.Text(max=ATTRIBUTE_LENGTH, required=True, label=_("Test"))
    value_text = _value()
    unit = _unit()
    tested_at = fields.When(required=True, label=_("When it was tested"))
    detail = _detail()


class SheetLineSchema(fields.Schema):
    """One line of a sheet of results."""

    attribute = fields.Text(max=ATTRIBUTE_LENGTH, required=True)
    value_text = fields.Text(max=TITLE_LENGTH, required=True)


class SheetSchema(fields.Schema):
    """Several first results of one day, in the units of the specification."""

    results = fields.ListOf(fields.Nested(SheetLineSchema), max=MOST_TESTS, required=True)
    tested_at = fields.When(required=True)

    @ma.post_load
    def by_test(self, data: dict[str, Any], **_options: Any) -> dict[str, Any]:
        """As the act takes them: test → value as reported."""
        listed = data.pop("results")
        data["values"] = {line["attribute"]: line["value_text"] for line in listed}
        if len(data["values"]) != len(listed):
            raise ma.ValidationError({"results": [str(_("A test stands there twice."))]})
        if not listed:
            raise ma.ValidationError({"results": [str(_("There is no result in it."))]})
        return data


OWN_FIELDS = frozenset({"tested_at", "happened_at", "reason", "proofs"})


def sheet_form(release: Release) -> type[fields.Schema]:
    """The sheet as a form: a field for each test of the batch that has no result yet."""

    def by_test(self: Any, data: dict[str, Any], **_options: Any) -> dict[str, Any]:
        found = {name: value for name, value in data.items() if name in asked and value}
        if not found:
            raise ma.ValidationError({next(iter(asked), "_schema"): [str(_("There is no result in it."))]})
        return {name: value for name, value in data.items() if name not in asked} | {"values": found}

    asked: dict[str, Any] = {
        one.criterion.attribute: fields.Text(
            max=TITLE_LENGTH, load_default=None, label=one.criterion.label, help=one.limit,
            unit=one.criterion.unit or None,
        )
        for one in judged([release])[release.id]
        if not one.lines and one.criterion.attribute not in OWN_FIELDS
    }  # fmt: skip
    when = {"tested_at": fields.When(required=True, label=_("When they were tested"))}
    return type("SheetForm", (fields.Schema,), asked | when | {"by_test": ma.post_load(by_test)})


class ReviewResultsSchema(fields.Schema):
    """Which tests were compared with their raw data."""

    attributes = fields.ListOf(
        fields.Text(max=ATTRIBUTE_LENGTH), max=MOST_TESTS, required=True, label=_("Results")
    )
    note = fields.Text(max=LONG, load_default=None, allow_none=True, multiline=True, label=_("Note"))


class CorrectResultSchema(fields.Schema):
    """The right value beside the wrong one."""

    attribute = fields.Text(max=ATTRIBUTE_LENGTH, required=True, label=_("Test"))
    number = fields.Count(min=1, max=MOST_RESULTS, required=True, label=_("Which result of this test"))
    value_text = _value()
    unit = _unit()
    tested_at = fields.When(
        load_default=None, allow_none=True, label=_("When it was tested"), help=_("Left empty: as it was.")
    )
    detail = _detail()


class ReviewResultSchema(fields.Schema):
    """Which result was compared with its raw data."""

    attribute = fields.Text(max=ATTRIBUTE_LENGTH, required=True, label=_("Test"))
    number = fields.Count(min=1, max=MOST_RESULTS, required=True, label=_("Which result of this test"))
    note = fields.Text(max=LONG, load_default=None, allow_none=True, multiline=True, label=_("Note"))


class DecideSchema(fields.Schema):
    """What an investigation found."""

    number = fields.Count(min=1, max=MOST_RESULTS, required=True, label=_("Investigation"))
    finding = fields.Choice(Finding, words=FINDING_WORDS, required=True, label=_("What was found"))
    invalid_results = fields.ListOf(
        fields.Count(min=1, max=MOST_RESULTS), max=50, load_default=list, label=_("Invalid results"),
        help=_("Their numbers, one a line; only after an error of the laboratory."),
    )  # fmt: skip
    conclusion = fields.Text(max=LONG, required=True, multiline=True, label=_("Conclusion"))


class ReviewTrailSchema(fields.Schema):
    """What the reviewer of the audit trail says, and what he had before him."""

    seen = fields.Text(
        max=HASH_LENGTH, required=True, kind="hidden",
        help=_("The digest of the audit trail as it was read; a difference is refused."),
    )  # fmt: skip
    comment = fields.Text(
        max=LONG, required=True, multiline=True, label=_("What was reviewed, and how"),
        help=_("Such as: all that is picked out was compared with the raw data."),
    )  # fmt: skip
    findings = fields.Text(
        max=LONG, load_default=None, allow_none=True, multiline=True,
        label=_("Findings, and what became of them"),
    )  # fmt: skip


class TwoStepSchema(fields.Schema):
    """Why the batch is needed before its last results, and what stands for them meanwhile."""

    justification = fields.Text(
        max=LONG, required=True, multiline=True, label=_("Why it cannot wait"),
        help=_("At least %(n)s characters.", n=JUSTIFICATION_LENGTH),
    )  # fmt: skip
    surrogates = fields.ListOf(
        fields.Text(max=ATTRIBUTE_LENGTH), max=50, required=True, label=_("Rapid tests that passed")
    )


class RequestExceptionSchema(fields.Schema):
    """The immediate significant hazard that the batch would avert."""

    hazard = fields.Text(
        max=LONG, required=True, multiline=True, label=_("The immediate hazard, and the alternatives"),
        help=_("At least %(n)s characters.", n=JUSTIFICATION_LENGTH),
    )  # fmt: skip


class EvaluationSchema(fields.Schema):
    """The manufacturer's risk evaluation for the physician."""

    evaluation = fields.Text(
        max=LONG, required=True, multiline=True, label=_("Risk evaluation given to the physician"),
        help=_("It says that the product is out of specification and supplied at the physician's request."),
    )  # fmt: skip
