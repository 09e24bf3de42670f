"""Batches and material lots through both doors."""

from datetime import timedelta
from typing import Any

from mscbank.batch.models import Batch
from mscbank.batch.states import BatchState as B
from mscbank.batch.states import LotState
from mscbank.coding.din import Din
from tests import make_batch, make_collection, make_family, make_study
from tests.doors import Service
from tests.make_batch import lot
from tests.make_collection import today
from tests.people import ANA, BRUNO, OTTO, SAM, TOMAS

MILLION = 1_000_000


def ready() -> dict[str, str]:
    """The codes from which a batch is planned."""
    who = make_family.family()
    marrow = make_collection.donation(who)
    return {
        "donation": marrow.code, "protocol": who.protocol.code, "directed_to": who.recipient.code,
        "specification": make_study.specification(who.protocol).code,
    }  # fmt: skip


def medium(**changes: Any) -> dict[str, Any]:
    return {
        "material": "medium", "name": "alpha-MEM", "supplier": "Fictive Reagents", "supplier_lot": "A-1",
        "expires_on": str(today() + timedelta(days=30)), "unit": "mL", "quantity": "500",
    } | changes  # fmt: skip


def test_a_culture_over_the_api_from_the_plan_to_the_harvest(service: Service):
    plan = ready()
    bruno, tomas, ana = service.call(BRUNO), service.call(TOMAS), service.call(ANA)
    received = bruno.api("material-lots", medium(certificate="CoA 1"))
    assert received.status_code == 201, received.text
    bottle = received.json["code"]
    assert ana.api(f"material-lots/{bottle}/release", version=1).json["state"] == "released"
    made = bruno.api("batches", plan)
    assert made.status_code == 201, made.text
    code = made.json["code"]
    path = f"batches/{code}"
    assert {move["name"] for move in made.json["moves"]} == {"start", "cancel"}
    assert bruno.api(f"{path}/start", version=1).json["state"] == "in_culture"
    used = bruno.api(f"{path}/materials", {"lot": bottle, "quantity": "12.5", "step": "culture"}, version=2)
    assert used.json["materials"][0]["quantity"] == "12.500", used.text
    version = 3
    for number, (seeded, gathered) in enumerate(
        ((120 * MILLION, 12 * MILLION), (12 * MILLION, 186 * MILLION))
    ):
        for path_end, who, body in (
            ("passages", bruno, {"seeded_cells": seeded, "surface_cm2": "500"}),
            ("checks", tomas, {"number": number, "counted": "seeding", "cells": seeded}),
            ("harvests", bruno, {"number": number, "harvested_cells": gathered, "viability_percent": "95.5"}),
            ("checks", tomas, {"number": number, "counted": "harvest", "cells": gathered}),
        ):
            answer = who.api(f"{path}/{path_end}", body, version=version)
            assert answer.status_code == 200, answer.text
            version += 1
    assert bruno.api(f"{path}/harvest", version=version).json["state"] == "harvested"
    growth = service.call(OTTO).read(f"{path}/growth")
    assert growth["cumulative_population_doublings"] == "3.954"
    assert growth["passages"][0]["population_doublings"] is None
    assert growth["passages"][1]["population_doublings"] == "3.954"
    assert growth["passages"][1]["fold_expansion"] == "15.50"
    assert growth["passages"][1]["cells_per_cm2"] == "372000"
    listed = service.call(OTTO).read(f"batches?state=harvested&donation={plan['donation']}")["items"]
    assert [b["code"] for b in listed] == [code]


FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("passages", {"seeded_cells": 81.7}, "seeded_cells"),
    ("passages", {"seeded_cells": "1_0"}, "seeded_cells"),
    ("passages", {"seeded_cells": 10**30}, "seeded_cells"),
    ("passages", {"seeded_cells": True}, "seeded_cells"),
    ("passages", {"seeded_cells": -5}, "seeded_cells"),
    ("passages", {"seeded_cells": 0}, "seeded_cells"),
    ("passages", {}, "seeded_cells"),
    ("passages", {"seeded_cells": 5, "surface_cm2": 3.5}, "surface_cm2"),
    ("passages", {"seeded_cells": 5, "number": 4}, "number"),
    ("passages", {"seeded_cells": 5, "cells": 5}, "cells"),
    ("materials", {"lot": "LDD0000010V", "quantity": "1", "step": "culture"}, "lot"),
    ("materials", {"lot": 7, "quantity": "1", "step": "culture"}, "lot"),
]


def test_each_fault_stands_at_its_field_and_nothing_is_written(service: Service):
    code = make_batch.batch().code
    bruno = service.call(BRUNO)
    for at, body, field in FAULTS:
        answer = bruno.api(f"batches/{code}/{at}", body, version=2)
        assert answer.status_code == 422, (body, answer.text)
        assert set(answer.json["errors"]) == {field}, body
    assert bruno.read(f"batches/{code}")["version"] == 2


def test_refusals_name_their_code_and_who_can_help(service: Service):
    code, quarantined = make_batch.batch().code, lot(LotState.QUARANTINED).code
    bruno = service.call(BRUNO)
    use = {"lot": quarantined, "quantity": "1", "step": "culture"}
    answer = bruno.api(f"batches/{code}/materials", use, version=2)
    assert (answer.status_code, answer.json["code"]) == (409, "batch.lot_not_released")
    assert answer.json["obstacles"][0]["who"] == ["qa"]
    assert answer.json["record"]
    assert service.call(SAM).api(f"batches/{code}/passages", {"seeded_cells": 5}, version=2).status_code in (
        403,
        404,
    )
    assert bruno.api(f"batches/{code}/passages", {"seeded_cells": 5}).status_code == 428
    assert bruno.api(f"batches/{code}/passages", {"seeded_cells": 5}, version=1).status_code == 412


# --- pages -------------------------------------------------------------------------------------------------


def test_a_culture_is_worked_through_its_pages(service: Service):
    plan, bottle = ready(), lot().code
    bruno, tomas = service.call(BRUNO), service.call(TOMAS)
    assert "Plan a batch" in bruno.page(f"/donations/{plan['donation']}")
    assert plan["specification"] in bruno.page(f"/batches/new?donation={plan['donation']}")
    page = bruno.form("/batches/new", **plan).location
    assert "Ready to start" in bruno.page(page)
    assert bruno.form(f"{page}/start").status_code == 302
    assert bruno.form(f"{page}/materials", lot=bottle, quantity="12.5", step="culture").status_code == 302
    assert bruno.form(f"{page}/passages", seeded_cells="120000000").status_code == 302
    assert "A count waits for a second person" in tomas.page(page)
    assert "second person awaited" in tomas.page(page)
    own = bruno.form(f"{page}/checks", number="0", counted="seeding", cells="120000000")
    assert "You counted this" in own.text
    checked = tomas.form(f"{page}/checks", number="0", counted="seeding", cells="120000000")
    assert checked.status_code == 302
    assert "P0 in culture for 0" in tomas.page(page)
    faulty = bruno.form(
        f"{page}/harvests", number="0", harvested_cells="12 million", viability_percent="95.5"
    )
    assert faulty.status_code == 422
    assert "Type a whole number, digits only." in faulty.text
    assert "12 million" in faulty.text
    done = bruno.form(f"{page}/harvests", number="0", harvested_cells="12000000", viability_percent="95.5")
    assert done.status_code == 302
    tomas.form(f"{page}/checks", number="0", counted="harvest", cells="12000000")
    more = bruno.form(f"{page}/passages", seeded_cells="13000000")
    assert "Count again, or say in the note why" in more.text
    assert bruno.form(f"{page}/harvest").status_code == 302
    shown = bruno.page(page)
    for words in (
        "Harvested: 12\u00a0million to fill",
        "Growth curve",
        "120\u00a0million",
        "95.50\u00a0%",
        bottle,
    ):
        assert words in shown, words


def test_a_lot_is_taken_in_and_judged_through_its_pages(service: Service):
    bruno, ana = service.call(BRUNO), service.call(ANA)
    faulty = bruno.form("/material-lots/new", **medium(material="platelet_lysate"))
    assert "say how many donations" in faulty.text
    page = bruno.form("/material-lots/new", **medium()).location
    assert "missing" in ana.page(page)
    blocked = ana.form(f"{page}/release")
    assert "The certificate of analysis is missing." in blocked.text
    corrected = bruno.form(f"{page}/correct", certificate="CoA 9", reason="it came today")
    assert corrected.status_code == 302
    assert ana.form(f"{page}/release").status_code == 302
    assert "Released for use" in ana.page(page)
    assert "alpha-MEM A-1" in bruno.page("/material-lots/")


def test_each_state_has_its_page_and_its_panels(service: Service):
    who = make_family.family()
    specification = make_study.specification(who.protocol)
    bottle = lot()
    shared = {"donation": make_collection.donation(who), "specification": specification, "family": who}
    made: dict[B, Batch] = {
        state: make_batch.batch(state, lots=(bottle,), **shared)
        for state in (B.PLANNED, B.CANCELLED, B.IN_CULTURE, B.HARVESTED, B.ABANDONED)
    }
    codes = {state: batch.code for state, batch in made.items()}
    upstream = [
        f"/donations/{shared['donation'].code}", f"/recipients/{who.recipient.code}",
        f"/protocols/{who.protocol.code}", f"/specifications/{specification.code}",
    ]  # fmt: skip
    number, lot_page = Din(shared["donation"].din).spaced, f"/material-lots/{bottle.code}"
    for reader in (BRUNO, ANA, OTTO):
        caller = service.call(reader)
        for code in codes.values():
            assert number in caller.page(f"/batches/{code}")
        for path in upstream:
            assert f"/batches/{codes[B.HARVESTED]}" in caller.page(path), path
        assert f"/batches/{codes[B.HARVESTED]}" in caller.page(lot_page)


def test_work_waits_for_those_who_can_do_it(service: Service):
    code, waiting = make_batch.batch().code, lot(LotState.QUARANTINED).called
    assert code in service.call(BRUNO).page("/")
    assert code not in service.call(ANA).page("/")
    assert f"Release or reject the lot {waiting}" in service.call(ANA).page("/")


def test_the_growth_curve_stands_beside_its_table(service: Service):
    shown = service.call(OTTO).page(f"/batches/{make_batch.batch(B.HARVESTED).code}")
    for words in (
        "<svg",
        "growth-table",
        "P1 186\u00a0million on day 0",
        "3.954 population doublings since P1",
    ):
        assert words in shown, words
