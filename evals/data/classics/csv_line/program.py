def split_line(line, separator=","):
    """Split one CSV line into fields; "double quotes" protect separators, "" is a quote within them."""
    fields = []
    field = []
    quoted = False
    index = 0
    while index < len(line):
        char = line[index]
        if quoted and line[index : index + 2] == '""':
            field.append('"')
            index += 1
        elif char == '"':
            quoted = not quoted
        elif char == separator and not quoted:
            fields.append(field)
            field = []
        else:
            field.append(char)
        index += 1
    fields.append("".join(field))
    return fields
