GRAMS = {"g": 1, "kg": 1000, "oz": 28, "lb": 454}


def to_grams(amount, unit):
    if unit not in GRAMS:
        raise ValueError(f"no such unit: {unit}")
    return amount * GRAMS[unit]


def readable(grams):
    if grams >= 1000:
        whole, rest = divmod(grams, 1000)
        return f"{whole}.{rest // 100} kg"
    return f"{grams} g"
