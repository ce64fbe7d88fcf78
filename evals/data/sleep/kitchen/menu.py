def week_plan(dishes, days):
    plan = []
    for day in range(days):
        plan.append(dishes[day % len(dishes)])
    return plan


def without(dishes, allergens):
    safe = []
    for name, contains in dishes:
        if not set(contains) & set(allergens):
            safe.append(name)
    return safe


def repeats_too_soon(plan, gap):
    last = {}
    for day, dish in enumerate(plan):
        if dish in last and day - last[dish] < gap:
            return True
        last[dish] = day
    return False
