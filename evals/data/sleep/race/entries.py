def age_group(birth_year, race_year):
    age = race_year - birth_year
    if age < 20:
        return "junior"
    if age < 40:
        return "senior"
    return "master"


def bibs(names, start=1):
    numbered = {}
    for offset, name in enumerate(sorted(names)):
        numbered[name] = start + offset
    return numbered


def duplicates(names):
    seen = set()
    twice = []
    for name in names:
        if name in seen and name not in twice:
            twice.append(name)
        seen.add(name)
    return twice
