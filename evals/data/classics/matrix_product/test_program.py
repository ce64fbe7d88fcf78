import pytest
from program import identity, multiply


def test_identity():
    assert identity(2) == [[1, 0], [0, 1]]


def test_identity_changes_nothing():
    assert multiply(identity(2), [[5, 6], [7, 8]]) == [[5, 6], [7, 8]]


def test_square():
    assert multiply([[1, 2], [3, 4]], [[5, 6], [7, 8]]) == [[19, 22], [43, 50]]


def test_row_times_column():
    assert multiply([[1, 2, 3]], [[4], [5], [6]]) == [[32]]


def test_shapes_must_fit():
    with pytest.raises(ValueError):
        multiply([[1, 2]], [[1, 2]])
