def tokens(text):
    words = []
    for word in text.lower().split():
        word = word.strip(".,;:!?")
        if word:
            words.append(word)
    return words


def score(query, title):
    wanted = set(tokens(query))
    found = set(tokens(title))
    if not wanted:
        return 0
    return len(wanted & found) / len(wanted)


def best_titles(query, titles, most):
    rated = [(score(query, title), title) for title in titles]
    rated = [pair for pair in rated if pair[0] > 0]
    rated.sort(key=lambda pair: (-pair[0], pair[1]))
    return [title for _, title in rated[:most]]
