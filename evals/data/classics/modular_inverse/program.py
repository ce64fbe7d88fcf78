def bezout(a, b):
    """The greatest common divisor g of a and b, with x and y such that a * x + b * y == g."""
    x, next_x = 1, 0
    y, next_y = 0, 1
    while b:
        quotient = a // b
        a, b = b, a - quotient * b
        x, next_x = next_x, x - quotient * next_x
        y, next_y = next_y, y - quotient * next_x
    return a, x, y


def modular_inverse(number, modulus):
    divisor, x, _ = bezout(number, modulus)
    if divisor != 1:
        raise ValueError(f"{number} has no inverse modulo {modulus}")
    return x % modulus
