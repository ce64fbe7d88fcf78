import heapq
from itertools import count


class JobScheduler:
    """Gives out jobs by priority, the highest number first, and first come first served among equals."""

    def __init__(self):
        self.queue = []
        self.ticket = count()

    def submit(self, job, priority=0):
        heapq.heappush(self.queue, (priority, next(self.ticket), job))

    def next_job(self):
        if not self.queue:
            return None
        return heapq.heappop(self.queue)[-1]

    def drain(self):
        jobs = []
        while self.queue:
            jobs.append(self.next_job())
        return jobs
