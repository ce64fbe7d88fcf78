def power_mod(base, exponent, modulus):
    """base ** exponent % modulus by repeated squaring."""
    result = 1 % modulus
    base %= modulus
    while exponent > 0:
        if exponent % 2 == 0:
            result = result * base % modulus
        base = base * base % modulus
        exponent //= 2
    return result


def is_probably_prime(number, witnesses=(2, 3, 5, 7)):
    """Fermat's test."""
    if number < 2 or number in witnesses:
        return number in witnesses
    return all(power_mod(witness, number - 1, number) == 1 for witness in witnesses)
