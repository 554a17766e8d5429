"""Hash trees over a list (RFC 9162, section 2.1, SHA-256): one root for all of it, a short path for each. Pure."""

from collections.abc import Sequence
from hashlib import sha256

HASH_OCTETS = 32


def leaf_hash(octets: bytes) -> bytes:
    """The hash of one entry; its first octet keeps it apart from those of nodes."""
    return sha256(b"\0" + octets).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two hashes."""
    return sha256(b"\1" + left + right).digest()


def tree_of(leaves: Sequence[bytes]) -> tuple[bytes, list[bytes]]:
    """Hashes of entries, at least one -> the root, and for each entry its path: the hashes beside its way from leaf to
    root, one behind the other."""
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        levels.append(_above(levels[-1]))
    paths = [b""]
    for level in reversed(levels[:-1]):
        if len(level) % 2:
            paths = [_beside(level, place) + paths[place >> 1] for place in range(len(level))]
        else:
            paths = [level[place ^ 1] + paths[place >> 1] for place in range(len(level))]
    return levels[-1][0], paths


def _above(level: list[bytes]) -> list[bytes]:
    nodes = [node_hash(level[place - 1], level[place]) for place in range(1, len(level), 2)]
    return [*nodes, level[-1]] if len(level) % 2 else nodes


def _beside(level: list[bytes], place: int) -> bytes:
    return level[place ^ 1] if place ^ 1 < len(level) else b""


def root_of(leaf: bytes, index: int, size: int, path: bytes) -> bytes:
    """The root of the tree of `size` entries in which `leaf` is number `index`, from 0, with this path (RFC 9162,
    section 2.1.3.2). Raises ValueError where there is no such place, or its path is longer or shorter."""
    if not 0 <= index < size or len(path) % HASH_OCTETS:
        raise ValueError("no place in a tree")
    place, last, root = index, size - 1, leaf
    for start in range(0, len(path), HASH_OCTETS):
        if last == 0:
            raise ValueError("the path is too long")
        beside = path[start : start + HASH_OCTETS]
        if place % 2 or place == last:
            root = node_hash(beside, root)
            while place % 2 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            root = node_hash(root, beside)
        place, last = place >> 1, last >> 1
    if last:
        raise ValueError("the path is too short")
    return root
