"""The board: what blocks, who must act, when it is due; what is done stays on it."""

import pytest

from mscbank.core.access import Role
from mscbank.core.errors import Refusal
from mscbank.release.readiness import (
    Exceptional,
    Group,
    Investigation,
    Material,
    Standing,
    Trouble,
    TwoStep,
    blocking,
    counts,
    items,
)
from tests.release.dossiers import (
    ALL_DONE,
    REPORT,
    STERILITY_GROWS,
    STERILITY_OUT,
    TODAY,
    VIABILITY,
    assay,
    day,
    dossier,
    percent,
)

WITHDRAWN = Refusal("tests.withdrawn", "The consent was withdrawn.", Role.MEDICAL_DIRECTOR)


def codes(found):
    return [item.obstacle.code for item in found]


def test_when_everything_stands_nothing_blocks():
    assert blocking(ALL_DONE) == []
    assert counts(items(ALL_DONE), TODAY) == {Standing.DONE: 13, Standing.WAITING: 0, Standing.LATE: 0}


@pytest.mark.parametrize(
    ("changes", "code", "who"),
    [
        ({"frozen": False, "batch_state": "Harvested"}, "release.batch_not_frozen", Role.LAB_TECH),
        ({"assays": (STERILITY_OUT,)}, "release.result_missing", Role.QC_ANALYST),
        ({"assays": (STERILITY_GROWS,)}, "release.result_outside", Role.QA),
        (
            {"assays": (assay("viability", percent("88", reviewed=False)),)},
            "release.result_unreviewed",
            Role.QC_ANALYST,
        ),
        ({"investigations": (Investigation("viability"),)}, "release.oos_open", Role.QA),
        ({"deviations": (Trouble("F1", "CO₂ low", "major"),)}, "release.deviation_open", Role.QA),
        ({"determination": WITHDRAWN()}, "tests.withdrawn", Role.MEDICAL_DIRECTOR),
        ({"consents": (WITHDRAWN(),)}, "tests.withdrawn", Role.MEDICAL_DIRECTOR),
        ({"kinship_verified": False}, "release.kinship_unverified", Role.MEDICAL_DIRECTOR),
        ({"difference": 1}, "release.not_reconciled", Role.LAB_TECH),
        ({"difference": -1}, "release.not_reconciled", Role.LAB_TECH),
        ({"filled": 0}, "release.not_reconciled", Role.LAB_TECH),
        ({"materials": (Material("L1", "expired"),)}, "release.material_not_in_order", Role.QA),
        ({"unlabelled": 2}, "release.labels_open", Role.LAB_TECH),
    ],
)
def test_invariant_9_each_thing_blocks_by_itself_and_names_who_can_lift_it(changes, code, who):
    found = blocking(dossier(**changes))
    assert codes(found) == [code]
    assert who in found[0].obstacle.roles


def test_every_sentence_can_be_said():
    spoilt = dossier(
        frozen=False,
        assays=(STERILITY_OUT, STERILITY_GROWS),
        deviations=(Trouble("F1", "CO₂ low", "major"),),
        investigations=(Investigation("sterility"),),
        materials=(Material("L9", "expired"),),
        difference=1,
        unlabelled=1,
        kinship_verified=False,
        consents=(WITHDRAWN(),),
        determination=WITHDRAWN(),
    )
    for item in items(spoilt):
        assert "%(" not in f"{item.what}{item.stands}{item.obstacle.sentence if item.obstacle else ''}"


def test_the_most_urgent_stands_first():
    late = Trouble("F1", "CO₂ low", "major", day(-2))
    karyotype = assay("karyotype", percent("90", reviewed=False), due=0)
    mycoplasma = assay("mycoplasma", due=4)
    found = blocking(dossier(deviations=(late,), assays=(VIABILITY, mycoplasma, karyotype), unlabelled=1))
    assert [item.key for item in found] == ["F1", "karyotype", "mycoplasma", ""]
    assert [item.standing(TODAY) for item in found] == [
        Standing.LATE, Standing.WAITING, Standing.WAITING, Standing.WAITING,
    ]  # fmt: skip


def said(group, **changes):
    """What the board says of a group: what, and where it stands."""
    return [(str(i.what), str(i.stands)) for i in items(dossier(**changes)) if i.group is group]


@pytest.mark.parametrize(
    ("group", "changes", "lines"),
    [
        (Group.TEST, {"assays": (VIABILITY,)}, [("viability post thaw", "reviewed")]),
        (
            Group.TEST,
            {"assays": (assay("viability", percent("88", reviewed=False)),)},
            [("viability", "not reviewed yet")],
        ),
        (Group.DEVIATION, {}, [("No major or critical deviation open", "0")]),
        (
            Group.DEVIATION,
            {"deviations": (Trouble("F1", "CO₂ low", "major"),)},
            [("F1, major: CO₂ low", "not accepted yet")],
        ),
        (
            Group.DEVIATION,
            {"unclassified": (Trouble("F2", "Lid open", ""),)},
            [("F2: Lid open", "severity not set yet")],
        ),
        (Group.DONOR, {}, [("Donor determination", "stands")]),
        (Group.FAMILY, {}, [("Consents in force", "in force"), ("Kinship", "verified")]),
        (
            Group.FAMILY,
            {"kinship_verified": False},
            [("Kinship", "not verified"), ("Consents in force", "in force")],
        ),
        (Group.MATERIAL, {}, [("2 material lots released, in date", "in order")]),
        (Group.MATERIAL, {"materials": (Material("L1", "expired"),)}, [("Material lot L1", "expired")]),
        (
            Group.STOCK,
            {"filled": 1, "difference": 0},
            [("Vials: 1 filled, 1 accounted for", "difference 0"), ("Labels in use", "0 without")],
        ),
        (
            Group.STOCK,
            {"difference": 2},
            [("Vials: 24 filled, 22 accounted for", "difference 2"), ("Labels in use", "0 without")],
        ),
    ],
)
def test_each_line_says_where_it_stands(group, changes, lines):
    assert said(group, **changes) == lines


def test_one_vial_is_enough_to_be_reconciled_and_none_is_not():
    assert blocking(dossier(filled=1)) == []
    assert codes(blocking(dossier(filled=0))) == ["release.not_reconciled"]


def test_what_blocks_stands_before_what_is_done():
    found = items(dossier(unlabelled=1))
    assert [item.obstacle is None for item in found] == [False] + [True] * (len(found) - 1)


def test_on_its_day_nothing_is_late():
    [item] = blocking(dossier(assays=(assay("mycoplasma", due=0),)))
    assert item.standing(TODAY) is Standing.WAITING
    assert item.standing(day(1)) is Standing.LATE


def test_a_report_that_is_missing_is_shown_and_does_not_block():
    missing = assay("cfu_f", operator="report", blocking=False)
    [line] = [item for item in items(dossier(assays=(missing,))) if item.group is Group.TEST]
    assert line.obstacle is None
    assert str(line.stands) == "no result yet"
    assert blocking(dossier(assays=(missing, REPORT))) == []


def test_only_the_acknowledged_two_step_release_lets_a_result_wait():
    plan = frozenset({"sterility_final"})
    waits = {"assays": (VIABILITY, STERILITY_OUT)}
    assert codes(blocking(dossier(**waits))) == ["release.result_missing"]
    assert codes(blocking(dossier(**waits, two_step=TwoStep(plan, acknowledged=False)))) == [
        "release.result_missing"
    ]
    assert blocking(dossier(**waits, two_step=TwoStep(plan, acknowledged=True))) == []


def test_what_fails_or_is_not_on_the_list_never_waits():
    plan = TwoStep(frozenset({"sterility_final", "viability"}), acknowledged=True)
    assert codes(blocking(dossier(assays=(STERILITY_GROWS,), two_step=plan))) == ["release.result_outside"]
    assert codes(blocking(dossier(assays=(assay("viability"),), two_step=plan))) == ["release.result_missing"]


def test_the_papers_of_an_exception_change_nothing_on_the_board():
    papers = Exceptional(requested=True, evaluated=True, accepted=True, sponsor_told=True)
    assert codes(blocking(dossier(assays=(STERILITY_GROWS,), exceptional=papers))) == [
        "release.result_outside"
    ]
