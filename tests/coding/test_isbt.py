"""ISBT 128: every published example, and what must be refused."""

from contextlib import suppress
from datetime import date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mscbank.coding import din as dins
from mscbank.coding import isbt
from mscbank.coding.errors import CodeError
from mscbank.coding.isbt import Marker, Moment
from mscbank.coding.product import COLLECTION_TYPES

PUBLISHED = [
    ("G123498654321", "H", "77"),
    ("G123417654321", "A", "70"),
    ("A999921123456", "3", "63"),
    ("A999818123456", "N", "83"),
    ("A999917123456", "9", "69"),
    ("A999926000001", "8", "68"),
    ("A999926000002", "6", "66"),
    ("W123415123456", "L", "81"),
    ("Z549917123456", "P", "85"),
    ("J123415123456", "V", "91"),
    ("A999926000021", "0", "60"),
    ("G151717600001", "*", "96"),
]
EXAMPLE = "=+03000=F75012600012369=<S1234400&>0280600930"

numbers = st.from_regex(r"\A[A-NP-Z1-9][A-NP-Z0-9]{2}[0-9]{10}\Z")


def reason(call, *args):
    with pytest.raises(CodeError) as refused:
        call(*args)
    return refused.value.code


@pytest.mark.parametrize(("din", "check", "flag"), PUBLISHED)
def test_published_check_characters(din, check, flag):
    assert isbt.check_character(din) == check
    assert isbt.checksum_flag(din) == flag
    assert isbt.parse_scanned_din(f"={din}{flag}").value == din
    assert isbt.parse_typed_din(f"{din[:5]} {din[5:7]} {din[7:]} {check}").value == din


def test_a_number_knows_its_parts():
    din = isbt.parse_scanned_din("=G123498654321 77")
    assert (din.facility, din.year, din.sequence, din.check) == ("G1234", "98", "654321", "H")
    assert din.spaced == "G1234 98 654321 H"
    assert din.flag_meaning == "checksum"
    assert str(din) == "G123498654321"


@given(numbers)
def test_check_and_sum_agree(din):
    text = din + isbt.check_character(din)
    assert sum(dins.CHECK_ALPHABET.index(c) * 2**i for i, c in enumerate(reversed(text))) % 37 == 1
    assert isbt.parse_scanned_din(isbt.format_din(din)).value == din
    assert isbt.parse_typed_din(text) == dins.Din(din)


@given(numbers)
def test_every_single_substitution_of_a_typed_number_is_refused(din):
    text = din + isbt.check_character(din)
    for place, character in enumerate(text):
        for other in dins.CHECK_ALPHABET.replace(character, ""):
            reason(isbt.parse_typed_din, text[:place] + other + text[place + 1 :])


@given(numbers)
def test_every_swap_in_a_typed_number_is_refused(din):
    text = din + isbt.check_character(din)
    for i in range(13):
        if text[i] != text[i + 1]:
            reason(isbt.parse_typed_din, text[:i] + text[i + 1] + text[i] + text[i + 2 :])


def test_the_letter_o_is_never_taken_for_a_zero():
    assert isbt.check_character("A999926000021") == "0"
    assert reason(isbt.parse_typed_din, "A999926000021O") == "din.check_character"
    assert reason(isbt.parse_typed_din, "A9999260O00210") == "din.format"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("G1234 98 654321", "din.check_missing"),
        ("G1234 98 654321 J", "din.check_character"),
        ("G1234 98 65432 H", "din.format"),
        ("O1234 98 654321 H", "din.format"),
        ("01234 98 654321 H", "din.format"),
        ("", "din.format"),
        ("G1234986٥4321H", "din.format"),
    ],
)
def test_a_wrong_typed_number_says_why(text, code):
    assert reason(isbt.parse_typed_din, text) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("G12349865432177", "isbt.identifier"),
        ("=G123498654321", "din.format"),
        ("=G1234986543217", "din.format"),
        ("=G1234986543217700", "din.format"),
        ("=G12349865432178", "din.flag_checksum"),
        ("=G12349865432197", "din.flag"),
        ("=G12349865432199", "din.flag"),
        ("=G12349865432114", "din.flag"),
        ("=G123498654321A0", "din.flag"),
        ("=G123498654321²1", "din.flag"),
    ],
)
def test_a_wrong_scanned_number_says_why(text, code):
    assert reason(isbt.parse_scanned_din, text) == code


@pytest.mark.parametrize(
    ("flag", "meaning"),
    [
        ("00", "none"), ("01", "container_1"), ("04", "container_4"), ("05", "repeat_label"),
        ("06", "pilot_tube"), ("08", "donor_record"), ("11", "match_label"), ("13", "attached_label"),
        ("15", "container_5"), ("19", "container_9"), ("20", "local"), ("59", "local"), ("77", "checksum"),
    ],
)  # fmt: skip
def test_flags_have_meanings_and_stay_outside_the_number(flag, meaning):
    din = isbt.parse_scanned_din(f"=G123498654321{flag}")
    assert (din.value, din.flag, din.flag_meaning) == ("G123498654321", flag, meaning)


@pytest.mark.parametrize("flag", ["06", "07", "08", "09", "10"])
def test_tube_labels_are_no_products(flag):
    assert reason(isbt.require_product, isbt.parse_scanned_din(f"=G123498654321{flag}")) == "din.tube_label"


@pytest.mark.parametrize("flag", ["00", "05", "11", "77"])
def test_other_labels_are(flag):
    din = isbt.parse_scanned_din(f"=G123498654321{flag}")
    assert isbt.require_product(din) is din


def test_a_typed_number_has_no_flag():
    din = isbt.parse_typed_din("g1234 98 654321 h")
    assert (din.flag, din.flag_meaning, din.is_tube_label) == ("", "", False)


def test_a_number_is_written_with_the_flag_asked_for():
    assert isbt.format_din("G123498654321") == "=G12349865432177"
    assert isbt.format_din("G123498654321", "00") == "=G12349865432100"
    assert reason(isbt.format_din, "G123498654321", "97") == "din.flag"
    assert reason(isbt.format_din, "G12349865432") == "din.format"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("=<S1234400", ("S1234", "4", "00")),
        ("=<S12954A0", ("S1295", "4", "A0")),
        ("=<S12954Ab", ("S1295", "4", "Ab")),
        ("=<YA000600", ("YA000", "6", "00")),
        ("=<DAX12499", ("DAX12", "4", "99")),
    ],
)
def test_product_codes(text, parts):
    product = isbt.parse_scanned_product(text)
    assert (product.description, product.collection_type, product.split) == parts
    assert isbt.format_product(product) == text
    assert product.collection == COLLECTION_TYPES[parts[1]]


def test_a_tissue_has_a_pack_number_and_no_collection_type():
    product = isbt.parse_product("T1295003")
    assert (product.code, product.collection) == ("T1295003", "")
    assert reason(isbt.parse_product, "T12954A0") == "product.division"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("S123440", "product.format"),
        ("s1234400", "product.format"),
        ("S12344000", "product.format"),
        ("S1234401", "product.division"),
        ("S12344AB", "product.format"),
        ("11234400", "product.format"),
    ],
)
def test_wrong_product_codes(code, why):
    assert reason(isbt.parse_product, code) == why


def test_division_99_demands_the_other_structure():
    product = isbt.parse_product("S1234499")
    assert product.needs_division
    assert reason(isbt.require_division, product) == "product.division_missing"
    vial = product.divided("000007")
    assert isbt.require_division(vial) is vial
    assert str(vial) == "S1234499 000007"
    assert reason(isbt.parse_product("S1234400").divided, "000007") == "product.division_unexpected"


def test_divisions_are_counted_from_one():
    assert isbt.division(1) == "000001"
    assert isbt.division(999_999) == "999999"
    assert isbt.parse_scanned_division(isbt.format_division("AABBZZ")) == "AABBZZ"
    for wrong in (0, 1_000_000):
        assert reason(isbt.division, wrong) == "product.division"
    for wrong in ("000000", "AAAA00", "aabbcc", "00001"):
        assert reason(isbt.check_division, wrong) == "product.division"


def test_the_published_dates():
    assert isbt.parse_date("028060") == date(2028, 2, 29)
    assert isbt.parse_moment("0280600930") == Moment(date(2028, 2, 29), time(9, 30))
    assert isbt.label_date(date(2028, 2, 29)) == "29 February 2028"
    assert isbt.parse_date("998365") == date(1998, 12, 31)
    assert isbt.parse_moment("0280602359").at == isbt.UNSPECIFIED


@given(st.dates(date(1900, 1, 1), date(2199, 12, 31)))
def test_dates_come_back(day):
    for number in (4, 6, 8):
        assert isbt.parse_scanned_date(number, isbt.format_scanned_date(number, day)) == day


@given(st.datetimes(datetime(1900, 1, 1), datetime(2199, 12, 31)))  # noqa: DTZ001 (a label has no zone)
def test_moments_come_back_to_the_minute(at):
    for number in (5, 7, 9):
        text = isbt.format_scanned_moment(number, Moment(at.date(), at.time()))
        assert isbt.parse_scanned_moment(number, text) == Moment(at.date(), time(at.hour, at.minute))


@pytest.mark.parametrize(
    "text", ["027366", "028367", "028000", "228001", "02806", "02806a", "0280600", "٠28060"]
)
def test_wrong_dates(text):
    assert reason(isbt.parse_date, text) == "date.format"


@pytest.mark.parametrize("text", ["0280602400", "0280600960", "028060093", "028060093x", "0273660930"])
def test_wrong_moments(text):
    assert reason(isbt.parse_moment, text) == "date.format"


def test_years_that_cannot_be_written():
    assert reason(isbt.format_date, date(2200, 1, 1)) == "date.range"
    assert reason(isbt.format_date, date(1899, 12, 31)) == "date.range"


def test_the_published_markers():
    results = isbt.parse_scanned_markers('&"321415000000000000')
    known = {name: result for name, result in results.items() if result is not Marker.NO_INFORMATION}
    assert known == {
        "hiv_antibody": Marker.NEGATIVE,
        "hcv_antibody": Marker.POSITIVE,
        "hcv_nat": Marker.NEGATIVE,
        "hbc_antibody": Marker.NEGATIVE,
        "hbs_antigen": Marker.NEGATIVE,
        "htlv_antibody": Marker.NEGATIVE,
        "syphilis": Marker.NEGATIVE,
        "cmv_antibody": Marker.POSITIVE,
    }
    assert isbt.format_markers(known) == "321415000000000000"


@given(st.dictionaries(st.sampled_from([n for p in isbt.MARKERS for n in p if n]), st.sampled_from(Marker)))
def test_markers_come_back(results):
    read = isbt.parse_markers(isbt.format_markers(results))
    assert read == {name: results.get(name, Marker.NO_INFORMATION) for name in read}


@pytest.mark.parametrize(
    "text", ["", "321415", "921415000000000000", "321415000000000001", "321415000100000000"]
)
def test_wrong_markers(text):
    assert reason(isbt.parse_markers, text) == "markers.format"


def test_an_unknown_marker_is_not_written():
    with pytest.raises(KeyError):
        isbt.format_markers({"malaria": Marker.NEGATIVE})


def test_lots_are_padded_and_never_begin_with_zero():
    assert isbt.pad_lot("5434RZ") == "0000000000005434RZ"
    assert isbt.parse_scanned_lot(isbt.format_lot("5434RZ")) == "5434RZ"
    for wrong in ("", "0A", "a1", "A-1", "A" * 19):
        assert reason(isbt.pad_lot, wrong) == "lot.format"
    for wrong in ("0" * 18, "5434RZ", "0000000000005434rZ"):
        assert reason(isbt.unpad_lot, wrong) == "lot.format"


@given(st.from_regex(r"\A[A-Z1-9][A-Z0-9]{0,17}\Z"))
def test_lots_come_back(lot):
    assert isbt.unpad_lot(isbt.pad_lot(lot)) == lot


def test_the_published_message():
    message = isbt.parse_compound(EXAMPLE)
    assert message.din == dins.Din("F750126000123", "69")
    assert str(message.product) == "S1234400"
    assert message.expiry == Moment(date(2028, 2, 29), time(9, 30))
    assert (message.sequence, message.lot, message.collected) == (0, "", None)
    assert isbt.format_compound(message.structures) == EXAMPLE


def test_a_message_of_our_own_vial():
    parts = [
        isbt.format_din("A999926000001"),
        isbt.format_product(isbt.parse_product("DAX12499")),
        isbt.format_division("000007"),
        isbt.format_scanned_date(4, date(2028, 2, 29)),
        isbt.format_scanned_moment(7, Moment(date(2026, 1, 5), time(8, 0))),
        isbt.format_lot("BK7000001K"),
    ]
    message = isbt.parse_compound(isbt.format_compound(parts, sequence=12))
    assert str(message.product) == "DAX12499 000007"
    assert message.expiry == Moment(date(2028, 2, 29))
    assert (message.sequence, message.lot, message.collected) == (12, "BK7000001K", date(2026, 1, 5))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (EXAMPLE.replace("=+03", "=+04"), "isbt.count"),
        (EXAMPLE.replace("=+03", "=+02"), "isbt.trailing"),
        ("=+00000", "isbt.count"),
        ("=+01000", "isbt.count"),
        (EXAMPLE + "X", "isbt.trailing"),
        (EXAMPLE[:-1], "isbt.length"),
        ("=+02000=<S1234400=<S1234400", "isbt.duplicate"),
        ("=+02000=<S1234400=+00000", "isbt.nested"),
        ("=+02000=<S1234400&aXX", "isbt.nested"),
        ("=+02000=<S1234400=~123456", "isbt.unknown_identifier"),
        ("=+02000=<S1234400=[123456789012345678", "isbt.retired"),
        ("=+01000=<S1234499", "product.division_missing"),
        ("=+02000=<S1234400=,000007", "product.division_unexpected"),
        ("=+01000=F75012600012370", "din.flag_checksum"),
        ("=+01000=>027366", "date.format"),
        ("=+0100", "isbt.length"),
        ("=<S1234400", "isbt.identifier"),
        ("", "isbt.unknown_identifier"),
    ],
)
def test_wrong_messages(text, code):
    assert reason(isbt.parse_compound, text) == code


def test_what_is_not_written():
    assert reason(isbt.format_compound, []) == "isbt.empty"
    assert reason(isbt.format_compound, ["=<S1234400X"]) == "isbt.length"
    assert reason(isbt.format_compound, ["=<S1234499"]) == "product.division_missing"
    assert reason(isbt.format_compound, ["=<S1234400"], 1000) == "isbt.too_many"


def test_a_patient_number_states_its_own_length():
    assert isbt.single("&#0105ABCDE").content == "0105ABCDE"
    assert reason(isbt.single, "&#0105ABCD") == "isbt.length"


def test_a_structure_of_the_wrong_number_is_refused():
    assert reason(isbt.parse_scanned_product, "=<S12344") == "isbt.length"
    assert reason(isbt.single, "=%62&0") == "isbt.characters"


def test_a_message_without_product_or_dates():
    message = isbt.parse_compound("=+01000=F75012600012369")
    assert (message.product, message.expiry, message.collected) == (None, None, None)
    assert isbt.parse_compound("=+01000=<S1234400").din is None


def test_the_wrong_barcode_in_the_right_field():
    """ST-001 2.2: a red cell antigen string must not pass as a blood group."""
    assert isbt.single("=%6200").number == 2
    assert isbt.single("=\\620000000000000000").number == 12
    assert reason(isbt.parse_scanned_product, "=>028060") == "isbt.identifier"
    assert reason(isbt.parse_scanned_date, 4, "&>0280600930") == "isbt.identifier"


@given(st.text(alphabet=st.characters(max_codepoint=0x17F), max_size=60))
def test_no_text_breaks_the_readers(text):
    for call in (isbt.parse_compound, isbt.single, isbt.parse_scanned_din, isbt.parse_typed_din):
        for prefixed in (text, "=" + text, "&" + text):
            with suppress(CodeError):
                call(prefixed)
