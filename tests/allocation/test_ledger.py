"""The nine lines of the dose, as they are checked by heart."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

from mscbank.allocation.calculation import Given, Limits, Potency, StockVial, work_out
from mscbank.allocation.dose import Band, PlanKind
from mscbank.allocation.ledger import Kind, Sources, lines, plain

LIMITS = Limits(10, 20, Decimal(1), Decimal(5))
TESTED = Potency(Fraction(92), Fraction(88))


def vial(number: int, tnc: int = 20_000_000, *, held: bool = False, obstacle=None) -> StockVial:
    return StockVial(
        f"V{number:02d}", number, tnc, Decimal("5.000"), Decimal("10.00"), date(2028, 6, 29), "box", 1,
        number, obstacle, held,
    )  # fmt: skip


def given(vials, **changes) -> Given:
    values = {
        "viable_cells_per_kg": 1_000_000, "weight_g": 62_400, "minutes": 30, "potency": TESTED,
        "vials": vials, "limits": LIMITS,
    } | changes  # fmt: skip
    return Given(**values)


def shown(worked) -> list[tuple[str, str]]:
    return [(f"{line.number:f}", str(line.unit)) for line in lines(worked, Sources())]


def test_the_nine_lines_of_the_picture():
    worked = work_out(given([vial(n) for n in range(3, 20)]))
    assert shown(worked) == [
        ("1", "million per kg"),
        ("62.4", "kg"),
        ("62.400", "million viable cells"),
        ("20", "million cells"),
        ("0.92", "of all cells"),
        ("0.88", "of these alive"),
        ("16.192", "million viable cells"),
        ("3.854", "→ 4 whole vials"),
        ("64.768", "million viable cells"),
    ]
    assert lines(worked, Sources())[-1].source == "4 × line 7 = 1.04 million per kg"
    assert [line.kind for line in lines(worked, Sources())].count(Kind.SUM) == 3


def test_a_share_says_so():
    tested = Potency(Fraction(100), Fraction(90))
    worked = work_out(given([vial(n, 20_250_000) for n in range(1, 9)], weight_g=57_900, potency=tested))
    assert worked.plan.kind is PlanKind.SHARE
    assert shown(worked)[-2:] == [
        ("3.177", "→ 4 vials, not all of their volume"),
        ("57.900", "million viable cells"),
    ]
    assert lines(worked, Sources())[-1].source == "0.7942 of the pool = 1.00 million per kg"
    assert worked.volume_ml == Fraction(57_900, 4 * 18_225) * 20


def test_vials_that_differ_show_their_mean():
    worked = work_out(given([vial(1, 19_000_000), vial(2, 21_000_000), vial(3), vial(4), vial(5)]))
    assert shown(worked)[3] == ("20", "million cells")
    assert shown(worked)[6] == ("16.192", "million viable cells")


def test_the_plan_that_was_chosen_counts():
    vials = [vial(n, 20_250_000) for n in range(1, 9)]
    values = {"weight_g": 57_900, "potency": Potency(Fraction(100), Fraction(90))}
    fewer = work_out(given(vials, wanted=PlanKind.FEWER, **values))
    assert (fewer.plan.kind, fewer.plan.vials, fewer.plan.band) == (PlanKind.FEWER, 3, Band.ACCEPT)
    assert [plan.kind for plan in fewer.offered] == [PlanKind.SHARE, PlanKind.FEWER]


def test_a_plan_that_is_not_offered_is_not_taken():
    worked = work_out(given([vial(n) for n in range(1, 9)], wanted=PlanKind.SHARE))
    assert worked.plan.kind is PlanKind.WHOLE


def test_chosen_vials_are_what_is_given():
    vials = [vial(n) for n in range(1, 9)]
    worked = work_out(given(vials, chosen=["V08", "V02", "V03", "V04"]))
    assert [v.number for v in worked.vials] == [8, 2, 3, 4]
    assert work_out(given(vials, chosen=[])) is None
    assert work_out(given(vials, chosen=["V99"])) is None


def test_held_vials_are_what_is_given_once_they_are_reserved():
    vials = [vial(n, held=n in (5, 6, 7)) for n in range(1, 9)]
    worked = work_out(given(vials, fixed=True))
    assert [v.number for v in worked.vials] == [5, 6, 7]
    assert worked.plan.band is Band.REFUSE
    assert work_out(given([vial(1)], fixed=True)) is None


def test_dmso_and_endotoxin_follow_what_is_given():
    worked = work_out(given([vial(n) for n in range(1, 9)], endotoxin_eu_per_ml=Fraction(1)))
    assert worked.dmso_g == Fraction(22, 10)
    assert worked.dmso_ok
    assert worked.endotoxin == Fraction(20, 62_400) * 1000
    assert worked.endotoxin_ok
    tight = Limits(10, 20, Decimal("0.03"), Decimal("0.3"))
    limited = work_out(given([vial(n) for n in range(1, 9)], limits=tight, endotoxin_eu_per_ml=Fraction(1)))
    assert not limited.dmso_ok
    assert not limited.endotoxin_ok


def test_endotoxin_reported_as_a_load_is_taken_as_it_is():
    worked = work_out(given([vial(n) for n in range(1, 9)], endotoxin_eu_per_kg_h=Fraction(32, 100)))
    assert worked.endotoxin == Fraction(32, 100)


def test_without_an_endotoxin_result_there_is_nothing_to_keep():
    worked = work_out(given([vial(n) for n in range(1, 9)]))
    assert worked.endotoxin is None
    assert worked.endotoxin_ok


def test_plain_numbers_have_no_places_that_they_do_not_need():
    assert f"{plain(Fraction(20), 3):f}" == "20"
    assert f"{plain(Fraction(624, 10), 3):f}" == "62.4"
    assert f"{plain(Fraction(1, 3), 3):f}" == "0.333"
    assert f"{plain(Fraction(100), 3):f}" == "100"
