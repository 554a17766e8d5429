"""Caches: the newest values only, and none beyond its time."""

from sidestep.streams.screen.ttl_cache import BoundedCache, TtlCache


def test_a_bounded_cache_keeps_the_newest() -> None:
    """A value that is put in again is new again."""
    cache: BoundedCache[str, int] = BoundedCache(2)
    for key, value in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        cache.put(key, value)
    assert [("a", 3), ("c", 4)] == cache.items()
    assert cache.get("b") is None and len(cache) == 2


def test_a_bounded_cache_keeps_within_its_octets() -> None:
    """Whatever is put in, put in again or dropped; a value larger than all of it finds no room at all."""
    cache: BoundedCache[str, str] = BoundedCache(100, 10, lambda key, value: len(key) + len(value))
    for key, value in (("a", "1234"), ("b", "123"), ("a", "1"), ("c", "12345"), ("b", "")):
        cache.put(key, value)
        assert cache.octets == sum(len(key) + len(value) for key, value in cache.items()) <= 10
    assert [("c", "12345"), ("b", "")] == cache.items()[-2:]
    cache.drop("c")
    cache.drop("c")
    assert cache.octets == 1 + len("a1")
    cache.put("d", "x" * 10)
    assert (0, 0) == (len(cache), cache.octets)


def test_a_value_is_there_until_its_time_is_up() -> None:
    """At the end of it, not a moment later; a later value has a time of its own."""
    cache: TtlCache[str, int] = TtlCache(2)
    cache.put("a", 1, expires_at=10.0)
    assert (cache.get("a", 9.9), cache.left("a", 9.0)) == (1, 1.0)
    assert (cache.get("a", 10.0), cache.left("a", 11.0), cache.left("b", 0.0)) == (None, 0.0, 0.0)
    cache.put("a", 2, expires_at=20.0)
    assert [("a", 2)] == list(cache.items(10.0)) and [] == list(cache.items(20.0))


def test_a_ttl_cache_is_bounded() -> None:
    """The oldest goes first, however long its time would have lasted."""
    cache: TtlCache[str, int] = TtlCache(2)
    for key, expires_at in (("a", 99.0), ("b", 20.0), ("c", 20.0)):
        cache.put(key, 1, expires_at)
    assert cache.octets == 0
    assert (None, 1, 1, 2) == (*(cache.get(key, 10.0) for key in "abc"), len(cache))


def test_a_ttl_cache_is_bounded_in_octets() -> None:
    """By the value alone, whenever it ends."""
    cache: TtlCache[str, str] = TtlCache(100, 6, lambda key, value: len(value))
    for key in "abc":
        cache.put(key, "123", expires_at=20.0)
    assert (None, "123", "123", 6) == (*(cache.get(key, 10.0) for key in "abc"), cache.octets)
