class Song:
    def __init__(self, title, following=None):
        self.title = title
        self.following = following


class Playlist:
    """A singly linked list of songs."""

    def __init__(self, *titles):
        self.first = None
        for title in reversed(titles):
            self.first = Song(title, self.first)

    def titles(self):
        result = []
        song = self.first
        while song:
            result.append(song.title)
            song = song.following
        return result

    def remove(self, title):
        """Take the first song of that title out; False if there is none."""
        before, song = None, self.first
        while song and song.title != title:
            before, song = song, song.following
        if song is None:
            return False
        if before is None:
            self.first = song.following
        else:
            before.following = song
        return True
