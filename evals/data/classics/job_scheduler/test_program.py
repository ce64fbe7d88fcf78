from program import JobScheduler


def test_nothing_to_do():
    assert JobScheduler().next_job() is None


def test_first_come_first_served():
    scheduler = JobScheduler()
    for job in ("wash", "dry", "fold"):
        scheduler.submit(job)
    assert scheduler.drain() == ["wash", "dry", "fold"]


def test_urgent_job_goes_first():
    scheduler = JobScheduler()
    scheduler.submit("sweep", priority=1)
    scheduler.submit("put out the fire", priority=9)
    assert scheduler.next_job() == "put out the fire"
