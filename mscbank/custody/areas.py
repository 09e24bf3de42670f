"""Which stock may lie where: quarantine and released stock apart, stock with a warning by itself (D §9)."""

from mscbank.core.access import Role
from mscbank.core.errors import Obstacle, Refusal
from mscbank.custody.states import USABLE_QUALITY, Quality
from mscbank.custody.words import Area

BIOHAZARD_TYPES = frozenset({"3", "6"})
"""Collection types of the product code that say biohazard (ISBT 128, D §5.4)."""

ONLY_RELEASED = Refusal(
    "custody.area_released",
    "%(place)s takes released stock only; vial %(vial)s is not free to be used.",
    Role.QA,
)
ONLY_QUARANTINE = Refusal(
    "custody.area_quarantine", "%(place)s takes quarantine only; vial %(vial)s is released.", Role.QA
)
ONLY_SEPARATE = Refusal(
    "custody.area_separate",
    "%(place)s is kept for stock with a warning; vial %(vial)s carries none.",
    Role.QA,
)
MUST_BE_SEPARATE = Refusal(
    "custody.area_must_be_separate",
    "Vial %(vial)s carries a biohazard warning: it lies apart, in a place for such stock.",
    Role.QA,
)


def misfit(
    area: Area, place: str, vial: str, *, quality: Quality, is_held: bool, collection_type: str
) -> Obstacle | None:
    """Why a vial may not lie in a place of this area; ``None`` when it may."""
    has_warning = collection_type in BIOHAZARD_TYPES
    if has_warning and area is not Area.SEPARATE:
        return MUST_BE_SEPARATE(vial=vial)
    if area is Area.SEPARATE and not has_warning:
        return ONLY_SEPARATE(place=place, vial=vial)
    free = quality in USABLE_QUALITY and not is_held
    if area is Area.RELEASED and not free:
        return ONLY_RELEASED(place=place, vial=vial)
    if area is Area.QUARANTINE and free:
        return ONLY_QUARANTINE(place=place, vial=vial)
    return None
