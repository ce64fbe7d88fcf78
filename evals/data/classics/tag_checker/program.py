import re


def unclosed_tags(text):
    """Names of the tags that are still open at the end; ValueError for a closing tag that closes nothing."""
    open_tags = []
    for slash, name, closed in re.findall(r"<(/?)(\w+)[^>]*?(/?)>", text):
        if closed:
            continue
        if slash:
            open_tags.append(name)
        elif open_tags and open_tags[-1] == name:
            open_tags.pop()
        else:
            raise ValueError(f"unexpected </{name}>")
    return open_tags
