"""The review of access for people: what is due, the list to decide and to sign, and every review before."""

from typing import Any

from mscbank.core.access import ROLE_WORDS, Principal
from mscbank.core.clock import now
from mscbank.core.i18n import _
from mscbank.core.web.filters import local, person
from mscbank.core.web.pages import Pages
from mscbank.staff import reviewing, schemas
from mscbank.staff.reviewing import AccessReview


class ReviewPages(Pages):
    """The pages of reviews; the form asks for the roles to decide."""

    def open_lines(self, by: Principal) -> list[reviewing.Line]:
        """Every role that this person has to decide."""
        return reviewing.lines_for(by)

    def is_late(self, line: reviewing.Line) -> bool:
        """Whether a role should have been confirmed by now."""
        return line.due_at < now()


def _shown(review: AccessReview, _by: Principal) -> dict[str, Any]:
    return {
        "facts": [
            (str(_("Reviewed by")), person(review.reviewed_by)), (str(_("When")), local(review.reviewed_at)),
            (str(_("Roles confirmed")), str(sum(line.is_kept for line in review.lines))),
            (str(_("Roles taken away")), str(sum(not line.is_kept for line in review.lines))),
        ],
        "role_words": ROLE_WORDS,
    }  # fmt: skip


reviews = ReviewPages("staff", AccessReview, path="access-reviews", title=_("Reviews of access"))
reviews.lists(
    columns=[(_("Code"), lambda r: r.code), (_("When"), lambda r: local(r.reviewed_at)),
             (_("Reviewed by"), lambda r: person(r.reviewed_by))],
)  # fmt: skip
reviews.shows(context=_shown, finding=lambda r: _("Review of access, %(when)s", when=local(r.reviewed_at)))
reviews.creates(reviewing.sign, schemas.ReviewSchema, label=_("Review who has access"), at="review")
