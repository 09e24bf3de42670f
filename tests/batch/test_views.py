"""What batches and lots tell the trace."""

import pytest

from mscbank.batch.models import Batch, MaterialLot
from mscbank.batch.shown import lot_finding
from mscbank.core import links
from mscbank.core.errors import Refused
from tests.batch.conftest import first
from tests.make_batch import lot
from tests.make_collection import today


def test_marrow_and_lots_lead_to_the_batch_and_back(harvested: Batch):
    bottle, marrow = first(MaterialLot), harvested.donation
    ways = {(edge.source, edge.target): edge for edge in links.EDGES}
    assert (marrow.code, harvested.code) in ways["donation", "batch"].forward([marrow.code])
    assert (bottle.code, harvested.code) in ways["material_lot", "batch"].backward([harvested.code])
    assert (marrow.donor.code, marrow.code) in ways["donor", "donation"].forward([marrow.donor.code])
    judged = (marrow.assessment.code, marrow.code)
    assert judged in ways["assessment", "donation"].backward([marrow.code])


def test_each_is_told_with_its_state_and_its_dates(harvested: Batch):
    bottle, marrow = first(MaterialLot), harvested.donation
    told = links.told("batch", [harvested.code])[0]
    assert (told.code, told.state, told.facts["for"]) == (
        harvested.code,
        "Harvested",
        harvested.directed_to.called,
    )
    told = links.told("material_lot", [bottle.code])[0]
    assert (told.title, told.state, told.facts["expires_on"]) == (
        bottle.called,
        "Released for use",
        bottle.expires_on,
    )
    told = links.told("donation", [marrow.code])[0]
    assert (told.state, told.facts["donated_on"]) == ("Accepted", marrow.donated_on)
    told = links.told("assessment", [marrow.assessment.code])[0]
    assert (told.state, told.facts["planned_on"]) == ("Eligible", today())
    assert links.told("batch", []) == []


def test_an_expired_lot_says_so_in_its_title(culture: Batch):
    assert lot_finding(lot(expires_on=today())).startswith("medium")
    with pytest.raises(Refused):
        lot(expires_on=today().replace(year=2020))
