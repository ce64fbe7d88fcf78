class RateLimiter:
    """Allows at most `limit` calls in any window of `seconds`."""

    def __init__(self, limit, seconds):
        self.limit = limit
        self.seconds = seconds
        self.calls = []

    def allow(self, now):
        self.calls = [call for call in self.calls if now - call > self.seconds]
        if len(self.calls) >= self.limit:
            return False
        self.calls.append(now)
        return True

    def wait_time(self, now):
        """Seconds until the next call is allowed."""
        recent = [call for call in self.calls if now - call < self.seconds]
        if len(recent) < self.limit:
            return 0
        return recent[-self.limit] + self.seconds - now
