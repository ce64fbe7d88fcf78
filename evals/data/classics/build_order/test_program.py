import pytest
from program import build_order


def test_nothing_required():
    assert build_order({"a": [], "b": []}) == ["a", "b"]


def test_chain():
    assert build_order({"app": ["lib"], "lib": ["core"], "core": []}) == ["core", "lib", "app"]


def test_two_requirements():
    order = build_order({"app": ["ui", "db"], "ui": [], "db": []})
    assert order.index("app") == 2


def test_circle():
    with pytest.raises(ValueError):
        build_order({"hen": ["egg"], "egg": ["hen"]})
