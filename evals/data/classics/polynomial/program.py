class Polynomial:
    """coefficients[i] belongs to x ** i."""

    def __init__(self, *coefficients):
        self.coefficients = list(coefficients)

    def __call__(self, x):
        value = 0
        for coefficient in reversed(self.coefficients):
            value = value * x + coefficient
        return value

    def derivative(self):
        terms = list(enumerate(self.coefficients))
        return Polynomial(*[power + coefficient for power, coefficient in terms[1:]])

    def __add__(self, other):
        size = max(len(self.coefficients), len(other.coefficients))
        mine = self.coefficients + [0] * (size - len(self.coefficients))
        theirs = other.coefficients + [0] * (size - len(other.coefficients))
        return Polynomial(*[a + b for a, b in zip(mine, theirs)])
