"""The words of custody: causes, holders, places, labels, scans, and the verbs of the ledger."""

from enum import StrEnum


class Cause(StrEnum):
    """Why a vial or a batch is on hold."""

    SUSPENSION = "suspension"
    RECALL = "recall"
    EXCURSION = "excursion"
    WITHDRAWAL = "withdrawal"
    DEVIATION = "deviation"
    RETURNED = "returned"
    FOUND = "found"
    QUALITY = "quality"


class HolderKind(StrEnum):
    """Who or what holds a vial that is in no position."""

    PERSON = "person"
    SHIPPER = "shipper"
    SITE = "site"
    STATION = "station"


class Level(StrEnum):
    """How large a place is."""

    ROOM = "room"
    TANK = "tank"
    RACK = "rack"
    BOX = "box"
    POSITION = "position"


class Area(StrEnum):
    """What may be kept in a place."""

    CONTROLLED = "controlled"
    QUARANTINE = "quarantine"
    RELEASED = "released"
    SEPARATE = "separate"


class Purpose(StrEnum):
    """What a printed label is for."""

    VIAL = "vial"
    RECORD = "record"
    SPARE = "spare"


class LabelState(StrEnum):
    """How far a printed label is: printed, read on the vial, or void for ever."""

    PRINTED = "printed"
    APPLIED = "applied"
    VOID = "void"


class Scan(StrEnum):
    """Where a code came from."""

    GUN = "gun"
    CAMERA = "camera"
    TYPED = "typed"
    PICKED = "picked"
    NONE = "none"


class Verb(StrEnum):
    """What a row of the custody ledger tells."""

    FILL = "fill"
    PUT_AWAY = "put_away"
    MOVE = "move"
    TAKE = "take"
    HAND_OVER = "hand_over"
    HOLD = "hold"
    LIFT_HOLD = "lift_hold"
    FREE = "free"
    REJECT = "reject"
    EXCEPT = "except"
    RESERVE = "reserve"
    UNRESERVE = "unreserve"
    PICK = "pick"
    DISPENSE = "dispense"
    RETURN = "return"
    USE_UP = "use_up"
    THAW = "thaw"
    INTO_PREPARATION = "into_preparation"
    INFUSE = "infuse"
    TAKE_FOR_QC = "take_for_qc"
    RETAIN = "retain"
    DESTROY = "destroy"
    BREAK = "break"
    LOSE = "lose"
    FIND = "find"
    AS_HAPPENED = "as_happened"
    VOID_LABEL = "void_label"
