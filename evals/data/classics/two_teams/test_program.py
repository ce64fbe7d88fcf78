from program import two_teams


def test_no_rivals():
    assert two_teams({"ann": [], "bob": []}) == (set(), {"ann", "bob"})


def test_triangle_cannot_be_split():
    assert two_teams({"a": ["b", "c"], "b": ["a", "c"], "c": ["a", "b"]}) is None


def test_one_pair():
    assert two_teams({"ann": ["bob"], "bob": ["ann"]}) == ({"bob"}, {"ann"})


def test_square():
    assert two_teams({"a": ["b", "d"], "b": ["a", "c"], "c": ["b", "d"], "d": ["a", "c"]}) == ({"b", "d"}, {"a", "c"})
