def scale(recipe, servings):
    factor = servings / recipe["servings"]
    scaled = {}
    for name, amount in recipe["amounts"].items():
        scaled[name] = round(amount * factor, 2)
    return {"servings": servings, "amounts": scaled}


def largest_batch(recipe, pantry):
    batches = []
    for name, amount in recipe["amounts"].items():
        batches.append(pantry.get(name, 0) // amount)
    return min(batches) * recipe["servings"]
