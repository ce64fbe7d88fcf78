"""Breaks text into lines."""

from gridtext.width import text_width


def wrap(text, width):
    """Lines of at most `width` columns, broken at spaces; a longer word is broken where it has to be."""
    if width < 1:
        raise ValueError("the width must be positive")
    lines = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            while text_width(word) > width:
                if line:
                    lines.append(line)
                    line = ""
                lines.append(word[:width])
                word = word[width:]
            if not word:
                continue
            if line and text_width(line) + 1 + text_width(word) > width:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        lines.append(line)
    return lines


def indent(text, by):
    """Every line that is not empty, moved to the right."""
    return "\n".join(" " * by + line if line else line for line in text.split("\n"))
