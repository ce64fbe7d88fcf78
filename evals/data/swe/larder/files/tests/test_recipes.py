import pytest

from larder.recipes import BadRecipe, parse_recipe
from larder.units import Quantity

PANCAKES = """\
Pancakes (serves 4)
flour: 250 g
milk: 0.5 l   # or oat milk
eggs: 2
"""


def test_parse():
    recipe = parse_recipe(PANCAKES)
    assert (recipe.title, recipe.serves) == ("Pancakes", 4)
    assert recipe.needs["milk"] == Quantity(500, "ml")


def test_no_people():
    with pytest.raises(BadRecipe):
        parse_recipe("Pancakes\nflour: 1 kg")
