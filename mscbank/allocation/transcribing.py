"""A prescription that a physician wrote and signed on paper: transcribed here, with the paper attached.

The paper is the original (Annex 11, 8; ALCOA+): whoever transcribes signs that this is what it says, and
another person compares it with the scan before it counts (D §10: nobody does both sides of a paired act).
"""

from datetime import date

from mscbank.allocation import rules, signed, weighing
from mscbank.allocation.models import Allergies, Allocation
from mscbank.allocation.prescribing import amended, drafted, not_a_draft
from mscbank.allocation.states import LIFE, TRANSCRIBES
from mscbank.batch.models import Batch
from mscbank.core import attachments, clock
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, does, shared
from mscbank.core.attachments import Attachment
from mscbank.core.errors import Missing, Obstacle, Refusal, invalid
from mscbank.core.media import Media
from mscbank.family.models import Recipient
from mscbank.study.models import Protocol

PAPERS = (Media.PDF, Media.PNG, Media.JPEG, Media.TIFF)
"""What a scan of a paper can be."""

NOT_YOURS = Refusal(
    "allocation.typed_by_another",
    "Somebody else typed this: whoever did corrects it, or it is cancelled and transcribed anew.",
    TRANSCRIBES,
)
STANDS_ON_IT = Refusal(
    "allocation.stands_on_paper",
    "The prescription stands on this paper: it is sent back first, then the paper can be withdrawn.",
    Role.PHARMACIST,
)


@action(
    "allocation.draft_from_paper", role=TRANSCRIBES, creates="allocation",
    locks=lambda *, recipient, protocol, batch, **_: shared(recipient, protocol, batch),
)  # fmt: skip
def draft_from_paper(
    *, by: Principal, recipient: Recipient, protocol: Protocol, batch: Batch, infusion_on: date,
    paper_on: date, paper_prescriber: str, infusion_minutes: int = 60,
    allergies: Allergies = Allergies.NOT_ASKED, allergy_note: str | None = None,
    fluid_note: str | None = None, reference: str | None = None,
) -> Allocation:  # fmt: skip
    """Type what a signed paper prescription says; the paper is attached, then the transcription is signed."""
    _dated(paper_on, protocol)
    return drafted(
        by, recipient, protocol, batch, infusion_on=infusion_on, infusion_minutes=infusion_minutes,
        allergies=allergies, allergy_note=allergy_note, fluid_note=fluid_note, reference=reference,
        paper_on=paper_on, paper_prescriber=paper_prescriber,
    )  # fmt: skip


def _dated(paper_on: date, protocol: Protocol) -> None:
    if paper_on > clock.today(protocol.infusion_zone):
        raise invalid(paper_on=["This lies in the future."])


def _correctable(a: Allocation, by: Principal) -> Obstacle | None:
    if a.paper_on is None:
        return rules.NOT_ON_PAPER()
    return NOT_YOURS() if a.entered_by != by.login else None


@action(
    "allocation.amend_transcription", role=TRANSCRIBES, unless=(not_a_draft, _correctable), reason=True,
    locks=lambda a, *, batch=None, **_: shared(a.recipient, a.protocol, batch or a.batch),
)  # fmt: skip
def amend_transcription(
    a: Allocation, *, infusion_on: date, infusion_minutes: int, allergies: Allergies, paper_on: date,
    paper_prescriber: str, allergy_note: str | None = None, fluid_note: str | None = None,
    reference: str | None = None, batch: Batch | None = None,
) -> None:  # fmt: skip
    """Correct what was typed from the paper, before the transcription is signed."""
    _dated(paper_on, a.protocol)
    amended(
        a, batch, infusion_on=infusion_on, infusion_minutes=infusion_minutes, allergies=allergies,
        allergy_note=allergy_note, fluid_note=fluid_note, reference=reference,
    )  # fmt: skip
    a.paper_on, a.paper_prescriber = paper_on, paper_prescriber


@does(LIFE, "transcribe", locks=signed.upstream, content=signed.what_is_prescribed)
def transcribe(a: Allocation, *, by: Principal, scan: int) -> None:
    """Sign that this is what the signed paper says, which is attached."""
    a.scan = _paper(a, scan)
    a.transcribed_by, a.transcribed_at = by.login, clock.now()
    a.prescribed_weight_g = weighing.current(a).weight_g


def _paper(a: Allocation, number: int) -> Attachment:
    """The scan of this number, if it is one that counts."""
    try:
        found = attachments.of(a, number)
    except Missing:
        found = None
    if found is None or found.media not in PAPERS or attachments.is_withdrawn(found):
        raise invalid(scan=["Attach the signed paper first, as a PDF or a picture, then choose it here."])
    return found


def papers(a: Allocation) -> list[Attachment]:
    """What may be the signed paper: pictures and PDF that are attached and not withdrawn, newest first."""
    listed = attachments.listed(a)
    return [one for one, gone in reversed(listed) if gone is None and one.media in PAPERS]


@attachments.needed("allocation")
def stands_on(a: Allocation, attachment: Attachment) -> Obstacle | None:
    """The paper of a signed transcription is not withdrawn under it."""
    return STANDS_ON_IT() if a.scan_id == attachment.id else None
