def add_book(catalogue, title, author):
    if title in catalogue:
        catalogue[title]["copies"] += 1
    else:
        catalogue[title] = {"author": author, "copies": 1}
    return catalogue[title]["copies"]


def by_author(catalogue):
    index = {}
    for title in sorted(catalogue):
        author = catalogue[title]["author"]
        index.setdefault(author, []).append(title)
    return index


def sort_key(title):
    for article in ("the ", "a ", "an "):
        if title.lower().startswith(article):
            return title[len(article):].lower()
    return title.lower()
