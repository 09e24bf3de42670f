"""The certificate of a batch on paper: results against limits, what changed, who signed, the fingerprint."""

from sqlalchemy import select

from mscbank.coding.paper import Document, Signature, Words
from mscbank.core import clock
from mscbank.core.access import Principal
from mscbank.core.checkpoints import latest
from mscbank.core.db import session
from mscbank.core.i18n import _, language, say
from mscbank.core.instance import instance
from mscbank.core.record import Record
from mscbank.core.web.filters import day, local, person
from mscbank.core.web.history import signatures_on
from mscbank.custody.models import Vial
from mscbank.release.board import changes
from mscbank.release.difference import compared
from mscbank.release.facts import civil, dossiers
from mscbank.release.gates import waiting
from mscbank.release.judged import Judged, judged, results_hash
from mscbank.release.models import Release
from mscbank.release.readiness import trail_obstacle
from mscbank.release.states import LIFE
from mscbank.release.trail import last_review
from mscbank.release.words import verdict_words


def fingerprint(kind: str, code: str) -> str:
    """The hash of the latest row in a thing's chain: any later change of the record changes it."""
    found = session.scalar(
        select(Record.hash)
        .where(Record.chain_kind == kind, Record.chain_code == code)
        .order_by(Record.chain_sequence.desc())
        .limit(1)
    )
    return found or "–"


def last_checkpoint() -> str:
    """Number, time and hash of the last checkpoint: the paper proves what the record was by then."""
    last = latest()
    return f"{last.number}, {local(last.made_at)}: {last.hash}" if last is not None else ""


def words() -> Words:
    """The furniture of the paper in the reader's language."""
    return Words(
        page=say(_("Page %(page)s of %(pages)s")),
        printed=say(_("Printed by %(who)s, %(when)s")),
        fingerprint=say(_("Fingerprint of the record: %(fingerprint)s")),
        checkpoint=say(_("Checkpoint %(checkpoint)s")),
        demonstration=say(_("DEMONSTRATION – NOT FOR HUMAN USE")),
        meaning=say(_("Meaning")),
        name=say(_("Name")),
        at=say(_("Date and time")),
        holds=say(_("Still holds")),
    )


def certificate(release: Release, by: Principal) -> bytes:
    """The certificate as a PDF; before certification it says that it certifies nothing."""
    here = instance()
    title = (
        _("Certificate of the batch") if release.certified_at else _("Results of the batch, not certified")
    )
    paper = Document(
        title=say(title),
        code=release.batch.code,
        state=LIFE.word(release.state),
        printed_by=by.printed_name,
        printed_at=local(clock.now()),
        fingerprint=fingerprint("release", release.code),
        checkpoint=last_checkpoint(),
        demonstration=here.is_demonstration,
        words=words(),
        language=language(),
    )
    paper.facts(_facts(release))
    listed = judged([release])[release.id]
    paper.section(say(_("Results against limits")))
    paper.paragraph(say(_("Compared as reported, with the unit, without rounding.")))
    heads = (_("Test"), _("Method"), _("Limit"), _("Result"), _("Verdict"), _("Entered"), _("Reviewed"))
    paper.table(
        [say(head) for head in heads],
        [row for one in listed for row in _rows(one)],
        widths=(21, 16, 14, 15, 16, 14, 14),
    )
    _changed(paper, release, listed)
    _differences(paper, release, listed)
    _pending(paper, release)
    paper.section(say(_("Signatures")))
    paper.signatures(
        [
            Signature(
                s.printed_name,
                say(_(s.meaning)),
                local(s.signed_at),
                say(_("holds") if s.holds else _("void: what was signed changed")),
            )
            for s in signatures_on("release", release.code)
        ]
    )
    return paper.render()


def _facts(release: Release) -> list[tuple[str, str]]:
    batch = release.batch
    vials = list(session.scalars(select(Vial).where(Vial.batch_id == batch.id).order_by(Vial.number)))
    expiry = min((vial.expires_on for vial in vials), default=None)
    specification = batch.specification
    rows = [
        (_("Batch (lot)"), batch.code),
        (_("Release"), release.code),
        (_("Donation (DIN)"), batch.donation.din),
        (_("Directed to"), batch.directed_to.called),
        (_("Protocol"), batch.protocol.called),
        (_("Specification, frozen at the start"), f"{specification.called} ({specification.code})"),
        (_("Vials filled"), str(len(vials))),
        (_("Expires on"), day(expiry)),
        (_("Status"), LIFE.word(release.state)),
        (_("Checked"), _who(release.checked_by, release)),
        (_("Audit trail reviewed"), _trail(release)),
        (_("Certified"), _who(release.certified_by, release)),
        (_("Fingerprint of the batch's record"), fingerprint("batch", batch.code)),
    ]
    return [(say(label), value) for label, value in rows]


def _who(login: str | None, release: Release) -> str:
    if login is None:
        return say(_("not yet"))
    at = release.checked_at if login == release.checked_by else release.certified_at
    return f"{person(login)}, {local(at)}"


def _trail(release: Release) -> str:
    """Who reviewed the audit trail, when, how much of it, and whether the record went on since."""
    last = last_review(release)
    if last is None:
        return say(_("not yet"))
    read = _("%(n)s entries, %(m)s picked out", n=last.entries, m=last.exceptions)
    said = f"{person(last.reviewed_by)}, {local(last.reviewed_at)}: {say(read)}"
    obstacle = trail_obstacle(dossiers([release])[release.id])
    return f"{said}. {obstacle.sentence}" if obstacle else said


def _differences(paper: Document, release: Release, listed: list[Judged]) -> None:
    """How this certification differs from the one before, and what changed since."""
    for one in compared(release, listed):
        when = local(one.before.certified_at)
        title = (
            _("Certification %(n)s against %(m)s", n=one.after.number, m=one.before.number)
            if one.after
            else _("Changed since the certification of %(when)s", when=when)
        )
        paper.section(say(title))
        if one.differences:
            heads = (_("What"), _("Was certified"), _("Is"))
            rows = [(d.what, d.was, d.now) for d in one.differences]
            paper.table([say(head) for head in heads], rows, widths=(3, 4, 4))
        else:
            paper.paragraph(say(_("Nothing that was certified reads differently.")))
        if one.after is None and release.certified_at is None:
            said = _("The record stands open again: what was certified counts no longer until it is"
                     " certified afresh.")  # fmt: skip
            paper.paragraph(say(said), strong=True)


def _rows(one: Judged) -> list[tuple[str, ...]]:
    criterion = one.criterion
    edition = say(_("edition %(edition)s", edition=criterion.edition)) if criterion.edition else None
    method = ", ".join(filter(None, (criterion.method, edition)))
    if not one.lines:
        word = verdict_words(one.verdict)[2]
        return [(criterion.label, method, one.limit, say(_("no result")), word, "–", "–")]
    rows: list[tuple[str, ...]] = []
    for line in one.lines:
        if line.standing:
            word = verdict_words(one.verdict)[2]
        else:
            word = say(_("corrected") if line.corrected_by else _("found invalid"))
        result = line.shown + (f"\n{line.result.detail}" if line.result.detail else "")
        reviewed = person(line.review.reviewed_by) if line.review else say(_("not yet"))
        rows.append(
            (criterion.label, method, one.limit, result, word, person(line.result.entered_by), reviewed)
        )
    return rows


def _changed(paper: Document, release: Release, listed: list[Judged]) -> None:
    """Whether data changed since entry, and since certification (Annex 11, 8.2)."""
    paper.section(say(_("Changed since entry")))
    found = changes(listed, release.batch.zone)
    if found:
        heads = (_("Test"), _("Was"), _("Is"), _("Why, by whom"))
        paper.table([say(head) for head in heads], found, widths=(2, 2, 2, 4))
    else:
        paper.paragraph(say(_("No value was changed.")))
    if release.certifications:
        last = release.certifications[-1]
        same = last.results_hash == results_hash(release)
        said = _("The results are those that were certified on %(when)s.", when=local(last.certified_at))
        other = _(
            "Results were added or changed after the certification of %(when)s.",
            when=local(last.certified_at),
        )
        paper.paragraph(say(said if same else other), strong=not same)


def _pending(paper: Document, release: Release) -> None:
    """What is still to come under a release in two steps."""
    tests = waiting(dossiers([release])[release.id])
    if tests:
        paper.section(say(_("Still to come")))
        paper.paragraph(", ".join(tests))


def file_name(release: Release) -> str:
    """What the file is called when it is saved."""
    on = civil(clock.now(), release.batch.zone)
    return f"certificate-{release.batch.code}-{on.isoformat()}.pdf"
