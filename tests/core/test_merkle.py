"""Merkle trees: the roots that others compute, and a path from every leaf."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mscbank.core import merkle

CONTENTS = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                 "606162636465666768696a6b6c6d6e6f")
]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Over the first 0 to 8 of the contents: the test vectors of Certificate Transparency's own log."""


def sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def leaves(contents: list[bytes]) -> list[bytes]:
    return [merkle.leaf(content, sha256) for content in contents]


@pytest.mark.parametrize("size", range(9))
def test_the_root_is_the_one_that_others_compute(size: int):
    assert merkle.root(leaves(CONTENTS[:size]), sha256).hex() == ROOTS[size]


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=40), st.data())
def test_a_path_leads_from_every_leaf_to_the_root(contents: list[bytes], data: st.DataObject):
    hashes = leaves(contents)
    index = data.draw(st.integers(0, len(contents) - 1))
    path = merkle.path(hashes, index, sha256)
    assert merkle.climb(hashes[index], index, len(hashes), path, sha256) == merkle.root(hashes, sha256)


@given(st.lists(st.binary(max_size=4), min_size=2, max_size=20, unique=True), st.data())
def test_no_other_leaf_arrives_there(contents: list[bytes], data: st.DataObject):
    hashes = leaves(contents)
    index, other = data.draw(st.permutations(range(len(contents))).map(lambda order: order[:2]))
    path = merkle.path(hashes, index, sha256)
    assert merkle.climb(hashes[other], index, len(hashes), path, sha256) != merkle.root(hashes, sha256)


@pytest.mark.parametrize(("index", "size"), [(0, 3), (8, 8), (-1, 8), (0, 0)])
def test_a_path_of_another_size_leads_nowhere(index: int, size: int):
    hashes = leaves(CONTENTS)
    assert merkle.climb(hashes[0], index, size, merkle.path(hashes, 0, sha256), sha256) is None


def test_a_node_is_never_taken_for_a_leaf():
    first, second = leaves(CONTENTS[:2])
    assert merkle.leaf(first + second, sha256) != merkle.root([first, second], sha256)
