"""Reading JSON: exact numbers, and everything that JSON leaves open is refused with 400."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mscbank.core.errors import Malformed
from mscbank.core.web.body import MAX_DEPTH, read_json


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a": 1}', {"a": 1}), (b'{"a": 81.70}', {"a": Decimal("81.70")}), (b"[]", []), (b'"x"', "x"),
        (b'{"a": 1e3}', {"a": Decimal("1e3")}), (b'{"a": "[[[["}', {"a": "[[[["}),
        (b'{"a": "' + b"x" * 10_000 + b'"}', {"a": "x" * 10_000}),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
    ],
)  # fmt: skip
def test_numbers_stay_exact(raw: bytes, value: Any):
    found = read_json(raw)
    assert value is None or found == value
    assert not isinstance(found, float)


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"{'a': 1}", b'{"a": 1, "a": 2}', b'{"a": {"b": 1, "b": 2}}', b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}', b'{"a": 01}', b'{"a": 1,}', b"\xff\xfe", b'{"a": "\xff"}',
        b'{"a": ' + b"9" * 50 + b"}",
        b'{"a": 0.' + b"1" * 50 + b"}", b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), b"[" * 100_000,
        b'{"a": 1} x', b"nul", b"\xef\xbb\xbf{}", b'{"a":' * 200 + b"1" + b"}" * 200, b'"' + b"[" * 10,
    ],
)  # fmt: skip
def test_what_json_leaves_open_is_malformed(raw: bytes):
    with pytest.raises(Malformed) as caught:
        read_json(raw)
    assert caught.value.status == 400
    assert caught.value.code == "body.not_json"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes):
    with suppress(Malformed):
        assert not isinstance(read_json(raw), float)
