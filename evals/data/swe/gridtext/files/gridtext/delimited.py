"""Delimited text: a line a row, quotes around what needs them."""

from gridtext.table import Table


class BadText(ValueError):
    """Text that cannot be read."""


def parse_line(line, delimiter=","):
    """The cells of a line. A doubled quote within quotes is one."""
    cells = []
    cell = ""
    quoted = False
    place = 0
    while place < len(line):
        char = line[place]
        if quoted:
            if char == '"' and line[place + 1 : place + 2] == '"':
                cell += '"'
                place += 1
            elif char == '"':
                quoted = False
            else:
                cell += char
        elif char == '"' and not cell:
            quoted = True
        elif char == delimiter:
            cells.append(cell)
            cell = ""
        else:
            cell += char
        place += 1
    if quoted:
        raise BadText(f"a quote is not closed: {line!r}")
    cells.append(cell)
    return cells


def format_line(cells, delimiter=","):
    """A line of the cells."""
    return delimiter.join(_quoted(str(cell), delimiter) for cell in cells)


def _quoted(cell, delimiter):
    if delimiter in cell or '"' in cell or "\n" in cell:
        return '"' + cell.replace('"', '""') + '"'
    return cell


def read_table(text, delimiter=","):
    """A table of the lines; the first one has the headings, empty ones are left out."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise BadText("there is no heading")
    table = Table(parse_line(lines[0], delimiter))
    for line in lines[1:]:
        table.add(*parse_line(line, delimiter))
    return table
