from program import is_probably_prime, power_mod


def test_exponent_zero():
    assert power_mod(5, 0, 7) == 1


def test_modulus_one():
    assert power_mod(5, 3, 1) == 0


def test_small_power():
    assert power_mod(3, 5, 100) == 43


def test_large_power():
    assert power_mod(2, 100, 1_000_007) == 2**100 % 1_000_007


def test_primes():
    assert [number for number in range(2, 30) if is_probably_prime(number)] == [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]
