from catalogue import add_book, by_author, sort_key


def test_copies_are_counted():
    catalogue = {}
    assert add_book(catalogue, "Sea", "Ann") == 1
    assert add_book(catalogue, "Sea", "Ann") == 2
    assert catalogue == {"Sea": {"author": "Ann", "copies": 2}}


def test_by_author():
    catalogue = {}
    for title, author in (("Sea", "Ann"), ("Bread", "Bob"), ("Air", "Ann")):
        add_book(catalogue, title, author)
    assert by_author(catalogue) == {"Ann": ["Air", "Sea"], "Bob": ["Bread"]}


def test_articles_do_not_sort():
    assert sort_key("The Sea") == "sea"
    assert sort_key("An Apple") == "apple"


def test_other_titles():
    assert sort_key("Anthem") == "anthem"
