def free_slots(booked, opening, closing, minimum=1):
    """Gaps of at least `minimum` between the booked (start, end) pairs within opening hours."""
    slots = []
    cursor = opening
    for start, end in sorted(booked):
        if start - cursor >= minimum:
            slots.append((cursor, start))
    if closing - cursor >= minimum:
        slots.append((cursor, closing))
    return slots
