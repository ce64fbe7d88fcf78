from program import RecentCache


def test_missing_key():
    assert RecentCache(2).get("a", default=0) == 0


def test_put_and_get():
    cache = RecentCache(2)
    cache.put("a", 1)
    assert cache.get("a") == 1


def test_oldest_is_dropped():
    cache = RecentCache(2)
    for key in "abc":
        cache.put(key, key.upper())
    assert cache.get("a") is None
    assert len(cache) == 2


def test_reading_counts_as_use():
    cache = RecentCache(2)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.get("a")
    cache.put("c", 3)
    assert cache.get("a") == 1
    assert cache.get("b") is None
