def parse_time(text):
    minutes, seconds = text.split(":")
    return int(minutes) * 60 + int(seconds)


def show_time(total):
    minutes = total // 60
    seconds = total % 60
    return f"{minutes}:{seconds:02d}"


def next_ring(timers, now):
    left = [end - now for end in timers if end > now]
    return min(left) if left else None
