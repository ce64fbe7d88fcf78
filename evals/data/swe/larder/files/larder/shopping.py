"""What has to be bought."""

from larder.units import format_quantity


def missing(recipe, stock):
    """Quantities by name of what the recipe needs beyond what is there."""
    found = {}
    for name, needed in recipe.needs.items():
        there = stock.total(name)
        if there is None:
            found[name] = needed
        elif there < needed:
            found[name] = needed - there
    return found


def shopping_list(recipes, stock):
    """Lines "name: quantity", by name, of what several recipes together need beyond what is there."""
    needs = {}
    for recipe in recipes:
        for name, needed in recipe.needs.items():
            needs[name] = needs[name] + needed if name in needs else needed
    lines = []
    for name in sorted(needs):
        there = stock.total(name)
        left = needs[name] if there is None else needs[name] - there
        if left.amount > 0:
            lines.append(f"{name}: {format_quantity(left)}")
    return lines
