def lap_times(stamps):
    times = []
    for i in range(1, len(stamps)):
        times.append(stamps[i] - stamps[i - 1])
    return times


def fastest_lap(stamps):
    times = lap_times(stamps)
    if not times:
        return None
    return times.index(min(times)) + 1


def laps_left(total, stamps):
    done = max(len(stamps) - 1, 0)
    return total - done
