class TextHistory:
    """A text with undo and redo."""

    def __init__(self, text=""):
        self.text = text
        self.past = []
        self.future = []

    def write(self, text):
        self.past.append(self.text)
        self.future.clear()
        self.text += text

    def undo(self):
        if self.past:
            self.future.append(self.text)
            self.text = self.past.pop()

    def redo(self):
        if self.future:
            self.future.append(self.text)
            self.text = self.future.pop()
