from larder.recipes import Recipe
from larder.shopping import missing
from larder.stock import Stock
from larder.units import Quantity


def test_missing():
    stock = Stock()
    stock.add("flour", Quantity(100, "g"))
    recipe = Recipe("bread", 1, {"flour": Quantity(500, "g"), "salt": Quantity(10, "g")})
    assert missing(recipe, stock) == {"flour": Quantity(400, "g"), "salt": Quantity(10, "g")}
