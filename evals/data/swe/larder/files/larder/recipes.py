"""Recipes: what is needed for so many people."""

from larder.units import parse_quantity


class BadRecipe(ValueError):
    """A recipe that cannot be read."""


class Recipe:
    """A title, the people it is for, and quantities by name."""

    def __init__(self, title, serves, needs):
        self.title = title
        self.serves = serves
        self.needs = dict(needs)

    def scaled(self, people):
        """The same for another number of people."""
        factor = people / self.serves
        return Recipe(self.title, people, {name: needed.times(factor) for name, needed in self.needs.items()})


def parse_recipe(text):
    """Read "Title (serves 4)" and below it a line "name: quantity" for each thing; # begins a comment."""
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    lines = [line for line in lines if line]
    if not lines:
        raise BadRecipe("there is nothing to read")
    title, _, rest = lines[0].partition("(")
    words = rest.rstrip(")").split()
    if len(words) != 2 or words[0] != "serves" or not words[1].isdigit():
        raise BadRecipe(f"for how many people is {lines[0]!r}?")
    needs = {}
    for line in lines[1:]:
        name, colon, quantity = line.partition(":")
        if not colon:
            raise BadRecipe(f"{line!r} has no quantity")
        needs[name.strip().lower()] = parse_quantity(quantity)
    return Recipe(title.strip(), int(words[1]), needs)
