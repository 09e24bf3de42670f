"""The checkpoints of the record on one page: what each fixed, and where it is kept outside."""

from typing import Any

import orjson
from flask import Blueprint, Response, abort, render_template, request
from sqlalchemy import select

from mscbank.core.checkpoints import Checkpoint, CheckpointKept, kept_form, key_in_use
from mscbank.core.db import session
from mscbank.core.web.here import actor

checkpoints = Blueprint("checkpoints", __name__)

PAGE = 50
MOST = 2**63 - 1
"""No number is larger on either engine."""


@checkpoints.get("/checkpoints")
def show() -> Any:
    """The newest first, fifty at a time."""
    actor()
    before = request.args.get("before", type=int)
    if before is not None and not 0 <= before <= MOST:
        before = None
    asked = select(Checkpoint).order_by(Checkpoint.number.desc()).limit(PAGE + 1)
    rows = list(session.scalars(asked if before is None else asked.where(Checkpoint.number < before)))
    kept: dict[int, list[CheckpointKept]] = {row.number: [] for row in rows}
    for one in session.scalars(
        select(CheckpointKept).where(CheckpointKept.checkpoint.in_(kept)).order_by(CheckpointKept.id)
    ):
        kept[one.checkpoint].append(one)
    return render_template(
        "core/checkpoints.html", rows=rows[:PAGE], kept=kept, key=key_in_use(), before=before,
        following=rows[PAGE - 1].number if len(rows) > PAGE else None,
    )  # fmt: skip


@checkpoints.get("/checkpoints/<int:number>.json")
def form(number: int) -> Response:
    """A checkpoint as it is kept outside, for ``mscbank verify --against``."""
    actor()
    found = session.scalar(select(Checkpoint).where(Checkpoint.number == min(number, MOST)))
    if found is None:
        abort(404)
    return Response(orjson.dumps(kept_form(found), option=orjson.OPT_INDENT_2), mimetype="application/json")
