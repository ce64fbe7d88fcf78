class Waitlist:
    def __init__(self):
        self.waiting = []

    def join(self, reader, is_staff=False):
        if reader in self.waiting:
            return False
        if is_staff:
            self.waiting.insert(0, reader)
        else:
            self.waiting.append(reader)
        return True

    def next(self):
        if not self.waiting:
            return None
        return self.waiting.pop(0)

    def position(self, reader):
        if reader not in self.waiting:
            return None
        return self.waiting.index(reader) + 1
