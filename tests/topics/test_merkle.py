"""Hash trees as RFC 9162 has them, so that libraries of other languages fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.topics.merkle import HASH_OCTETS, leaf_hash, node_hash, root_of, tree_of

ENTRIES = [b"", b"\0", b"\x10", b" !", b"01", b"@ABC", b"PQRSTUVW", b"`abcdefghijklmno"]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
"""Of the first entry, the first two, … (certificate-transparency's own test data)."""

entries = st.lists(st.binary(max_size=4), min_size=1, max_size=70).map(
    lambda found: [leaf_hash(each) for each in found]
)


def by_definition(leaves: list[bytes]) -> bytes:
    """The root as section 2.1.1 defines it."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(by_definition(leaves[:half]), by_definition(leaves[half:]))


@pytest.mark.parametrize("count", range(1, 9))
def test_the_roots_of_certificate_transparency(count: int) -> None:
    """Of lists of one to eight entries."""
    assert ROOTS[count - 1] == tree_of([leaf_hash(each) for each in ENTRIES[:count]])[0].hex()


@given(entries)
def test_each_path_leads_to_the_root_of_the_definition(leaves: list[bytes]) -> None:
    """Whatever the size."""
    root, paths = tree_of(leaves)
    assert by_definition(leaves) == root
    assert {root} == {root_of(leaf, place, len(leaves), paths[place]) for place, leaf in enumerate(leaves)}


@given(entries, st.data())
def test_another_place_size_or_path_leads_elsewhere_or_nowhere(leaves: list[bytes], data: st.DataObject) -> None:
    """Longer and shorter paths, a place beyond the end, one octet of the path: never the same root."""
    root, paths = tree_of(leaves)
    place = data.draw(st.integers(0, len(leaves) - 1))
    path = paths[place]
    longer, shorter = path + bytes(HASH_OCTETS), path[:-HASH_OCTETS] if path else b"x"
    for wrong in (longer, shorter, path + b"x"):
        with pytest.raises(ValueError, match=r"path|place"):
            root_of(leaves[place], place, len(leaves), wrong)
    for beyond in (-1, len(leaves)):
        with pytest.raises(ValueError, match="place"):
            root_of(leaves[place], beyond, len(leaves), path)
    if path:
        flip = data.draw(st.integers(0, len(path) - 1))
        changed = path[:flip] + bytes([path[flip] ^ 1]) + path[flip + 1 :]
        assert root != root_of(leaves[place], place, len(leaves), changed)
