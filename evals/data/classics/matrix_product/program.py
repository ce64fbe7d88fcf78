def multiply(a, b):
    """The product of two matrices given as lists of rows."""
    if len(a[0]) != len(b):
        raise ValueError("the shapes do not fit")
    product = []
    for row in range(len(a)):
        line = []
        for column in range(len(b[0])):
            total = 0
            for k in range(len(b)):
                total += a[row][k] * b[column][k]
            line.append(total)
        product.append(line)
    return product


def identity(size):
    return [[1 if row == column else 0 for column in range(size)] for row in range(size)]
