class FriendCircles:
    """Who knows whom, directly or through others (a disjoint-set forest)."""

    def __init__(self, people):
        self.parent = {person: person for person in people}
        self.size = {person: 1 for person in people}

    def leader(self, person):
        while self.parent[person] != person:
            self.parent[person] = self.parent[self.parent[person]]
            person = self.parent[person]
        return person

    def introduce(self, one, other):
        big, small = self.leader(one), self.leader(one)
        if big == small:
            return
        if self.size[big] < self.size[small]:
            big, small = small, big
        self.parent[small] = big
        self.size[big] += self.size[small]

    def connected(self, one, other):
        return self.leader(one) == self.leader(other)

    def circle_size(self, person):
        return self.size[self.leader(person)]
