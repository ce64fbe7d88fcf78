from entries import age_group, bibs, duplicates


def test_groups():
    assert age_group(2010, 2026) == "junior"
    assert age_group(2006, 2026) == "senior"
    assert age_group(1986, 2026) == "master"


def test_bibs():
    assert bibs(["cy", "ann"]) == {"ann": 1, "cy": 2}
    assert bibs(["ann"], start=100) == {"ann": 100}


def test_duplicates():
    assert duplicates(["ann", "bob", "ann", "ann", "bob", "cy"]) == ["ann", "bob"]


def test_no_duplicates():
    assert duplicates(["ann", "bob"]) == []
