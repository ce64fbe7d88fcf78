from program import RateLimiter


def test_first_call():
    assert RateLimiter(1, 10).allow(0)


def test_no_waiting_at_first():
    assert RateLimiter(1, 10).wait_time(0) == 0


def test_limit():
    limiter = RateLimiter(2, 10)
    assert [limiter.allow(second) for second in (0, 1, 2)] == [True, True, False]


def test_old_calls_are_forgotten():
    limiter = RateLimiter(1, 10)
    assert limiter.allow(0)
    assert limiter.allow(10)


def test_wait_time():
    limiter = RateLimiter(1, 10)
    limiter.allow(5)
    assert limiter.wait_time(8) == 7
