import pytest
from program import Warehouse


def filled():
    warehouse = Warehouse()
    for day in (12, 5, 9):
        warehouse.store("milk", day)
    return warehouse


def test_not_enough():
    with pytest.raises(KeyError):
        filled().take("milk", 4)


def test_take_everything():
    assert sorted(filled().take("milk", 3)) == [5, 9, 12]


def test_discard_expired():
    warehouse = filled()
    assert warehouse.discard_expired(9) == 1


def test_first_to_expire_goes_first():
    assert filled().take("milk", 2) == [5, 9]
