import pytest
from program import RingBuffer


def test_first_in_first_out():
    buffer = RingBuffer(3)
    buffer.push("a")
    buffer.push("b")
    assert [buffer.pop(), buffer.pop()] == ["a", "b"]


def test_empty():
    with pytest.raises(IndexError):
        RingBuffer(2).pop()


def test_oldest_is_forgotten():
    buffer = RingBuffer(2)
    for item in "abc":
        buffer.push(item)
    assert [buffer.pop(), buffer.pop()] == ["b", "c"]


def test_goes_round():
    buffer = RingBuffer(3)
    for item in (1, 2):
        buffer.push(item)
    assert buffer.pop() == 1
    for item in (3, 4):
        buffer.push(item)
    assert [buffer.pop() for _ in range(3)] == [2, 3, 4]
