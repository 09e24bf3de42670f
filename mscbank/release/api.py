"""Releases over JSON."""

from flask import Response, make_response

from mscbank.core import fields
from mscbank.core.web.api import Api
from mscbank.core.web.here import actor
from mscbank.release import actions
from mscbank.release.certificate import certificate, file_name
from mscbank.release.models import Release
from mscbank.release.schemas import (
    CorrectResultSchema,
    DecideSchema,
    EnterResultSchema,
    EvaluationSchema,
    OpenReviewSchema,
    ReadinessSchema,
    ReleaseSchema,
    RequestExceptionSchema,
    ResultsSchema,
    ReviewResultSchema,
    ReviewResultsSchema,
    ReviewTrailSchema,
    SheetSchema,
    TrailSchema,
    TwoStepSchema,
    readiness_of,
    results_of,
)
from mscbank.release.states import State
from mscbank.release.trailed import as_json
from mscbank.release.views import listed


def paper(release: Release) -> Response:
    """The certificate of the batch as a PDF."""
    response = make_response(certificate(release, actor()))
    response.headers["Content-Type"] = "application/pdf"
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name(release)}"'
    return response


api = Api("release", Release, ReleaseSchema, path="releases", doc="The judgement of batches")
api.lists(query=listed, filters={"state": fields.Choice(State), "batch": fields.Ref("batch")})
api.shows()
api.creates(actions.open_review, OpenReviewSchema)
api.reads("results", results_of, ResultsSchema)
api.reads("readiness", readiness_of, ReadinessSchema)
api.reads("audit-trail", as_json, TrailSchema)
api.acts(actions.review_trail, ReviewTrailSchema, at="audit-trail-reviews")
api.sends("certificate.pdf", paper, "application/pdf")
api.acts(actions.enter_result, EnterResultSchema, at="results")
api.acts(actions.enter_results, SheetSchema, at="result-sheets")
api.acts(actions.review_results, ReviewResultsSchema, at="review-sheets")
api.acts(actions.correct_result, CorrectResultSchema, at="corrections")
api.acts(actions.review_result, ReviewResultSchema, at="reviews")
api.acts(actions.decide_investigation, DecideSchema, at="decisions")
api.acts(actions.check)
api.acts(actions.certify)
api.acts(actions.release_batch)
api.acts(actions.prepare_two_step, TwoStepSchema)
api.acts(actions.acknowledge_two_step)
api.acts(actions.release_conditionally)
api.acts(actions.complete)
api.acts(actions.reject)
api.acts(actions.reopen)
api.acts(actions.reopen_released)
api.acts(actions.suspend)
api.acts(actions.lift)
api.acts(actions.request_exception, RequestExceptionSchema)
api.acts(actions.evaluate_exception, EvaluationSchema)
api.acts(actions.accept_exception)
api.acts(actions.tell_sponsor)
api.acts(actions.except_for_recipient)
