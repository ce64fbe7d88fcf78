def busy_periods(meetings):
    """Merge overlapping or touching (start, end) meetings into the periods that are busy, in order."""
    periods = []
    for start, end in sorted(meetings):
        if periods and start <= periods[-1][1]:
            last_start, last_end = periods.pop()
            periods.append((last_start, max(last_start, end)))
        else:
            periods.append((start, end))
    return periods


def busy_minutes(meetings):
    return sum(end - start for start, end in busy_periods(meetings))
