"""The one order in which rows are locked: kinds as their steps stand on the cells' way, then by key."""

STEPS = ("core", "staff", "deviation", "study", "family", "collection", "batch", "custody", "release",
         "allocation", "infusion", "safety")  # fmt: skip


def lock_order(model: type) -> tuple[int, str]:
    """Where a model stands in the order."""
    step = model.__module__.split(".")[1] if model.__module__.startswith("mscbank.") else "core"
    return (STEPS.index(step) if step in STEPS else len(STEPS), model.__name__)
