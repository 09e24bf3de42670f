"""Merkle trees as RFC 9162 §2.1 builds them: one root stands for many leaves, a short path leads to it."""

from collections.abc import Callable, Sequence

Hash = Callable[[bytes], bytes]
LEAF, NODE = b"\x00", b"\x01"


def leaf(content: bytes, hashed: Hash) -> bytes:
    """The hash of a leaf's content."""
    return hashed(LEAF + content)


def root(leaves: Sequence[bytes], hashed: Hash) -> bytes:
    """The root over the hashes of leaves, in their order; over none the hash of nothing."""
    return _over(leaves, 0, len(leaves), hashed) if leaves else hashed(b"")


def path(leaves: Sequence[bytes], index: int, hashed: Hash) -> list[bytes]:
    """What has to be hashed together with one leaf, from the bottom up, to arrive at the root."""
    found: list[bytes] = []
    start, end = 0, len(leaves)
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            found.append(_over(leaves, middle, end, hashed))
            end = middle
        else:
            found.append(_over(leaves, start, middle, hashed))
            start = middle
    return found[::-1]


def climb(at: bytes, index: int, size: int, beside: Sequence[bytes], hashed: Hash) -> bytes | None:
    """The root to which a leaf's hash leads by its path; ``None`` when the path is not of this size."""
    sides: list[bool] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        sides.append(index < middle)
        start, end = (start, middle) if index < middle else (middle, end)
    if not 0 <= index < size or len(sides) != len(beside):
        return None
    for is_left, other in zip(reversed(sides), beside, strict=True):
        at = hashed(NODE + at + other) if is_left else hashed(NODE + other + at)
    return at


def _over(leaves: Sequence[bytes], start: int, end: int, hashed: Hash) -> bytes:
    if end - start == 1:
        return leaves[start]
    middle = start + _split(end - start)
    return hashed(NODE + _over(leaves, start, middle, hashed) + _over(leaves, middle, end, hashed))


def _split(size: int) -> int:
    """The largest power of two below a size of two or more."""
    return 1 << (size - 1).bit_length() - 1
