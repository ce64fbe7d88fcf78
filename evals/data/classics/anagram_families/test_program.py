from program import anagram_families, signature


def test_no_families():
    assert anagram_families(["one", "two", "six"]) == []


def test_case_does_not_matter():
    assert anagram_families(["Noon", "noon"]) == [["Noon", "noon"]]


def test_signature():
    assert signature("Banana") == "aaabnn"


def test_families():
    assert anagram_families(["listen", "cat", "silent", "act", "dog"]) == [["listen", "silent"], ["cat", "act"]]
