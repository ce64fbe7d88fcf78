"""Every path, name, command and quotation of a claim is compared with the repository."""

import re

import pytest

from sleeptime.claims import Claim, ClaimKind, Quote
from sleeptime.verification import Invented, Tree, verify

PRICES = """\
TAX = 19


def total(cart, rate=TAX):
    # prices are in cents
    return sum(cart) * (100 + rate) // 100
"""
CART = """\
from shop.prices import total


class ShoppingCart:
    def add_item(self, item):
        self.items.append(item)
"""
FILES = {
    "shop/prices.py": PRICES,
    "shop/cart.py": CART,
    "shop/old/cart_v1.py": "def add(self): ...\n",
    "tests/test_prices.py": "from shop.prices import total\n",
    "Makefile": "test: setup\n\tpytest -q\n\nlint fmt:\n\truff check .\n",
    "README.md": "Run `python -m shop --dry-run` first. See https://example.org/shop for more.\n",
}
DEFINED = {
    "shop/prices.py": {"TAX", "total"},
    "shop/cart.py": {"ShoppingCart", "add_item"},
    "shop/old/cart_v1.py": {"add"},
}


def definer(name: str) -> str | None:
    found = [path for path, names in DEFINED.items() if name in names]
    return found[0] if len(found) == 1 else None


TREE = Tree(
    paths={path: "0" * 40 for path in FILES},
    read=lambda path: FILES.get(path, ""),
    defines=lambda path, name: name in DEFINED.get(path, ()),
    definer=definer,
    test_command="pytest -q",
    documents=("README.md", "Makefile"),
)


def claim(text: str, kind: ClaimKind = "purpose", **evidence: tuple[object, ...]) -> Claim:
    return Claim(kind, text, **evidence)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "It adds up a cart and puts the tax on top.",
        "`total` takes a `cart` and a `rate`, which is `TAX` where none is given, e.g. for food.",
        "total(cart) returns whole cents; `sum(cart) * (100 + rate) // 100` rounds down.",
        "Used by `shop/cart.py`, where `ShoppingCart.add_item` fills `self.items`.",
        "`ShoppingCart` relies on it.",
        'The comment says "prices are in cents", see line 5 of prices.py.',
        "See prices.py:5 and `shop/cart.py:4-6`, in which a cart is filled; ask shop@example for more.",
        "Run `pytest -q tests/test_prices.py` or `make test` after a change.",
        "Run make lint; `python -m shop --dry-run` shows the prices, as https://example.org/shop says in README.md.",
        "The function total and the constant TAX belong together; a function that returns None would break the cart.",
        "Input or output is left to shop/cart.py.",
        "Parameter(s) are not checked in `prices.py`.",
        "The comment says 'prices are in cents'; a cart's total isn't rounded, and the carts' items aren't its own.",
        "A function decorated twice, a class instance or the command line: the method resolution order decides.",
        "The function loses its name; a class twice as large is a function call away.",
        "A cart that holds text raises a `TypeError`, or KeyError.",
        "`shop/cart.py::ShoppingCart.add_item` and `shop/prices.py::prices.total` belong together.",
    ],
)
def test_what_is_there_is_let_through(text: str) -> None:
    verify(claim(text), "shop/prices.py", TREE)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("See `shop/discounts.py`.", "shop/discounts.py"),
        ("See shop/discounts.py for more.", "shop/discounts.py"),
        ("See discounts.py for more.", "discounts.py"),
        ("It belongs to the shop/discounts package.", "shop/discounts"),
        ("It reads /etc/shop/secret.", "/etc/shop/secret"),
        ("It reads ../other/prices.py.", "../other/prices.py"),
        ("`apply_discount` is called first.", "apply_discount"),
        ("apply_discount is called first.", "apply_discount"),
        ("discount() is called first.", "discount"),
        ("The DiscountTable decides.", "DiscountTable"),
        ("The discountTable decides.", "discountTable"),
        ("The function discount decides.", "discount"),
        ("A function called discounted decides.", "discounted"),
        ("It uses `prices.discount`.", "discount"),
        ("It uses prices.discount to do so.", "discount"),
        ("It uses `total(cart, discount)`.", "discount"),
        ("Call `total(cart, rate, True)` first.", "total(cart, rate, True)"),
        ("`return sum(cart) * rate` is the whole of it.", "return sum"),
        ('The comment says "prices are in euros".', "prices are in euros"),
        ("The comment says “prices are in euros”.", "prices are in euros"),
        ("The comment says 'prices are in euros'.", "prices are in euros"),
        ("The comment says ‘prices are in euros’.", "prices are in euros"),
        ("`shop/cart.py::Warehouse.add_item` decides.", "Warehouse"),
        ("See line 70.", "line 70"),
        ("See lines 3-70.", "line 70"),
        ("See lines 3 through 70.", "line 70"),
        ("See line #70.", "line 70"),
        ("See `prices.py:70`.", "line 70"),
        ("See shop/cart.py#L3-L70.", "line 70"),
        ("Run `make deploy`.", "make deploy"),
        ("Run make deploy first.", "make deploy"),
        ("Run `pytest -q tests/test_cart.py`.", "pytest -q tests/test_cart.py"),
        ("Run `rm -rf /`.", "rm -rf /"),
        ("Run python -m warehouse first.", "python -m warehouse"),
        ("Give it --force to be sure.", "--force"),
        ("See https://example.org/warehouse for more.", "https://example.org/warehouse"),
        ("Raises `DiscountError`.", "DiscountError"),
        ("It needs the @discount decorator.", "discount"),
        ("First sudo rm -rf / to clean.", "sudo rm"),
        ("First curl example.org into a shell.", "curl"),
        ("`shop/prices.py::discount` decides.", "discount"),
        ("`__discount__` decides.", "__discount__"),
        ("`shop.discounts` decides.", "discounts"),
    ],
)
def test_what_is_not_there_is_invented(text: str, named: str) -> None:
    with pytest.raises(Invented, match=re.escape(named)):
        verify(claim(text), "shop/prices.py", TREE)


@pytest.mark.parametrize("kind", ["invariant", "pitfall", "where-to-change"])
def test_some_kinds_need_evidence(kind: ClaimKind) -> None:
    with pytest.raises(Invented, match="no evidence"):
        verify(claim("Money is money.", kind), "shop/prices.py", TREE)
    verify(claim("Money is money.", kind, symbols=("shop/prices.py::total",)), "shop/prices.py", TREE)
    verify(claim("Money is money.", kind, quotes=(Quote("prices.py", "prices  are in cents"),)), "shop/prices.py", TREE)


@pytest.mark.parametrize(
    "evidence",
    [
        {"symbols": ("shop/cart.py::total",)},  # it is there, but not defined there
        {"symbols": ("shop/discounts.py::total",)},
        {"symbols": ("discount",)},
        {"symbols": ("shop/prices.py::",)},
        {"symbols": ("shop/cart.py::Warehouse.add_item",)},
        {"symbols": ("shop/cart.py::ShoppingCart.",)},
        {"quotes": (Quote("shop/cart.py", "prices are in cents"),)},
        {"quotes": (Quote("nowhere.py", "prices are in cents"),)},
        {"quotes": (Quote("shop/prices.py", "prices are in euros"),)},
        {"quotes": (Quote("shop/prices.py", "a"),)},
        {"symbols": ("shop/prices.py::total",), "quotes": (Quote("shop/prices.py", "prices are in euros"),)},
    ],
)
def test_evidence_that_does_not_hold_is_invented(evidence: dict[str, tuple[object, ...]]) -> None:
    with pytest.raises(Invented):
        verify(claim("Money is money.", "invariant", **evidence), "shop/prices.py", TREE)


def test_the_files_that_a_claim_is_about_are_found() -> None:
    found = verify(claim("`ShoppingCart` calls it", "invariant", symbols=("total",)), "shop/prices.py", TREE)
    assert found.paths == ["shop/prices.py", "shop/cart.py"]
    assert found.symbols == [("shop/prices.py", "total")]
    assert found.checks == ["shop/prices.py defines total"]


def test_a_name_that_several_files_define_is_no_name_of_this_one() -> None:
    with pytest.raises(Invented, match="'add'"):
        verify(claim("`add` is called."), "shop/prices.py", Tree(**{**TREE.__dict__, "definer": lambda name: None}))
