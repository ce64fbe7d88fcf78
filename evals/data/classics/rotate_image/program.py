def rotate_clockwise(image):
    """A rectangular image, given as a list of rows, turned by a quarter to the right."""
    height = len(image)
    width = len(image[0])
    turned = [[None] * height for _ in range(width)]
    for row in range(height):
        for column in range(width):
            turned[column][height - row] = image[row][column]
    return turned


def rotate(image, quarters):
    for _ in range(quarters % 4):
        image = rotate_clockwise(image)
    return image
