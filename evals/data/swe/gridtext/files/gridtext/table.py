"""Tables."""

from gridtext.width import pad, text_width
from gridtext.wrap import wrap


class Table:
    """Rows of texts below headings."""

    def __init__(self, headings):
        self.headings = [str(heading) for heading in headings]
        self.rows = []
        self.alignments = ["left"] * len(self.headings)
        self.limits = [None] * len(self.headings)

    def add(self, *cells):
        """Add a row; it must have a cell for every heading. None is an empty cell."""
        if len(cells) != len(self.headings):
            raise ValueError(f"{len(cells)} cells for {len(self.headings)} columns")
        self.rows.append(["" if cell is None else str(cell) for cell in cells])

    def align(self, heading, how):
        """left, right or center."""
        if how not in ("left", "right", "center"):
            raise ValueError(f"cannot align {how!r}")
        self.alignments[self.headings.index(heading)] = how

    def limit(self, heading, width):
        """Wrap the cells of a column at this width."""
        self.limits[self.headings.index(heading)] = width

    def sort(self, heading, reverse=False):
        """Order the rows by a column; numbers by value, before texts."""
        place = self.headings.index(heading)
        self.rows.sort(key=lambda row: _sort_key(row[place]), reverse=reverse)

    def widths(self):
        """Of the columns: that of the widest cell, or the limit."""
        found = []
        for place, heading in enumerate(self.headings):
            cells = [heading] + [row[place] for row in self.rows]
            widest = max(text_width(cell) for cell in cells)
            limit = self.limits[place]
            found.append(widest if limit is None else min(widest, limit))
        return found

    def render(self, gap=2):
        """The table as text, without spaces at the ends of lines."""
        widths = self.widths()
        lines = self._render_row(self.headings, widths, gap)
        lines.append((" " * gap).join("-" * width for width in widths))
        for row in self.rows:
            lines.extend(self._render_row(row, widths, gap))
        return "\n".join(lines)

    def _render_row(self, cells, widths, gap):
        wrapped = [wrap(cell, width) if width else [""] for cell, width in zip(cells, widths)]
        height = max(len(lines) for lines in wrapped)
        rendered = []
        for number in range(height):
            parts = []
            for lines, width, align in zip(wrapped, widths, self.alignments):
                text = lines[number] if number < len(lines) else ""
                parts.append(pad(text, width, align))
            rendered.append((" " * gap).join(parts).rstrip())
        return rendered


def _sort_key(text):
    try:
        return (0, float(text), "")
    except ValueError:
        return (1, 0.0, text)
