PER_GRAM = {"fat": 9, "protein": 4, "carbs": 4}


def calories(grams):
    total = 0
    for name, amount in grams.items():
        total += PER_GRAM[name] * amount
    return total


def share(grams, name):
    total = calories(grams)
    if total == 0:
        return 0
    return round(100 * PER_GRAM[name] * grams.get(name, 0) / total)


def is_balanced(grams):
    return share(grams, "fat") <= 35 and share(grams, "protein") >= 10
