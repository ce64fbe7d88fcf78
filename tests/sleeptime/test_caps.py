"""Hard caps: never passed by any number of spenders, days and crashes included."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from agent.chat import Message
from agent.limits import Limits
from agent.listening import Patience
from agent.openai_model import OpenAIModel
from agent.scripted_server import Scripted, ScriptedServer, error
from sleeptime.caps import CapReached, Caps, DailyMeter, Spending, SpendingLedger, keep_to_caps

ROOT = Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "spending.db"


def ledger(file: Path, home: str = "home", **caps: float | None) -> SpendingLedger:
    return SpendingLedger(file, Caps.model_validate(caps), home)


def test_what_was_really_spent_takes_the_place_of_its_reservation(file: Path) -> None:
    with ledger(file, tokens=100) as spending:
        reservation = spending.reserve(Spending(tokens=100))
        with pytest.raises(CapReached, match="100 tokens a day"):
            spending.reserve(Spending(tokens=1))
        spending.settle(reservation, Spending(tokens=30, cpu_seconds=1.5))
        spending.reserve(Spending(tokens=70))
        assert spending.spent() == Spending(tokens=100, cpu_seconds=1.5)


@pytest.mark.parametrize("kind", ["tokens", "paid_tokens", "requests", "cpu_seconds", "gpu_seconds"])
def test_each_kind_has_its_cap(file: Path, kind: str) -> None:
    with SpendingLedger(file, Caps.model_validate({kind: 5}), "home") as spending:
        spending.reserve(Spending.model_validate({kind: 5}))
        with pytest.raises(CapReached, match=f"{kind}_per_day"):
            spending.reserve(Spending.model_validate({kind: 1}))


def test_the_caps_are_about_all_memory_homes_together(file: Path) -> None:
    with ledger(file, home="one", tokens=100) as one, ledger(file, home="other", tokens=100) as other:
        one.reserve(Spending(tokens=60))
        with pytest.raises(CapReached):
            other.reserve(Spending(tokens=60))
        assert (other.spent("one").tokens, other.spent("other").tokens) == (60, 0)


def test_a_new_day_begins_with_nothing(file: Path) -> None:
    day = date(2026, 11, 24)
    with SpendingLedger(file, Caps(tokens=100), "home", today=lambda: day) as spending:
        spending.reserve(Spending(tokens=100))
        day = date(2026, 11, 25)
        spending.reserve(Spending(tokens=100))
        assert spending.spent(day=date(2026, 11, 24)).tokens == 100


def test_days_long_past_are_forgotten(file: Path) -> None:
    day = date(2026, 1, 1)
    with SpendingLedger(file, Caps(), "home", today=lambda: day) as spending:
        spending.reserve(Spending(tokens=100))
        day = date(2026, 11, 25)
        spending.reserve(Spending(tokens=100))
        assert spending.spent(day=date(2026, 1, 1)).tokens == 0


SPENDER = """
import random, sys
from pathlib import Path
from sleeptime.caps import CapReached, Caps, Spending, SpendingLedger
chance = random.Random(sys.argv[2])
with SpendingLedger(Path(sys.argv[1]), Caps(tokens=10_000), sys.argv[2]) as spending:
    print("ready", flush=True)
    sys.stdin.readline()
    while True:
        asked = chance.randint(1, 500)
        try:
            reservation = spending.reserve(Spending(tokens=asked))
        except CapReached:
            print(0, flush=True)  # who waits for lines is not kept waiting by the others' spending
            continue
        print(asked, flush=True)
        spending.settle(reservation, Spending(tokens=asked))
"""


def test_many_processes_killed_at_random_never_pass_a_cap(file: Path) -> None:
    spenders = [
        subprocess.Popen(
            [sys.executable, "-c", SPENDER, str(file), name], cwd=ROOT, stdin=-1, stdout=subprocess.PIPE, text=True
        )
        for name in "abc"
    ]
    acknowledged = 0
    try:
        for spender in spenders:
            assert spender.stdout and spender.stdout.readline() == "ready\n"
        for spender in spenders:
            spender.stdin.write("go\n")  # type: ignore[union-attr]
            spender.stdin.flush()  # type: ignore[union-attr]
        for spender in spenders:
            assert spender.stdout
            acknowledged += sum(int(spender.stdout.readline()) for _ in range(3))
            spender.send_signal(signal.SIGKILL)
            acknowledged += sum(map(int, spender.stdout.read().split()))
    finally:
        for spender in spenders:
            spender.kill()
            spender.communicate()
    with ledger(file, tokens=10_000) as spending:
        assert acknowledged <= spending.spent().tokens <= 10_000


def ask(model: OpenAIModel, n: int = 1) -> int:
    return len(model.sample([Message("user", "Say it.")], n=n, max_tokens=300))


def test_requests_of_many_threads_end_at_the_cap(file: Path) -> None:
    with ledger(file, tokens=2_000) as spending, ScriptedServer() as server, OpenAIModel("m", server.url) as model:
        keep_to_caps(model, Limits(), spending)
        with ThreadPoolExecutor(4) as pool:
            answers = sum(pool.map(lambda _: ask(model), range(200)))
        assert 0 < answers < 200
        assert len(server.requests) == spending.spent().requests == answers
        assert spending.spent().tokens <= 2_000
        assert model.meter.reached and "2,000 tokens a day" in model.meter.reached


def test_a_request_that_fails_is_counted_with_each_of_its_attempts(file: Path) -> None:
    with ledger(file, requests=3) as spending, ScriptedServer([error(503, "later")]) as server:
        with OpenAIModel("m", server.url, patience=Patience(backoff=0.0)) as model:
            keep_to_caps(model, Limits(), spending)
            assert ask(model) == 0
        assert len(server.requests) == spending.spent().requests == 3


def test_a_paid_endpoint_is_asked_nothing_until_the_user_says_so(file: Path) -> None:
    with ledger(file) as spending:
        meter = DailyMeter(Limits(), spending, is_paid=True)
        assert meter.book(10, 1, 100) is None
        assert meter.reached and "until you set `paid_tokens_per_day`" in meter.reached
        assert meter.used.completion == 0


def test_a_free_endpoint_needs_no_cap_and_its_seconds_are_counted(file: Path) -> None:
    with ledger(file) as spending, ScriptedServer([Scripted(texts=["one two"])]) as server:
        with OpenAIModel("m", server.url) as model:
            keep_to_caps(model, Limits(), spending)
            assert ask(model) == 1
        spent = spending.spent()
        assert spent.tokens > 0 and spent.paid_tokens == 0 and 0 < spent.gpu_seconds < 10


def test_a_request_that_holds_a_gpu_too_long_is_ended(file: Path) -> None:
    with ledger(file, gpu_seconds=4) as spending, ScriptedServer([Scripted(stalls_after=3)]) as server:
        with OpenAIModel("m", server.url) as model:
            keep_to_caps(model, Limits(), spending)
            assert ask(model) == 0
        assert spending.spent().gpu_seconds <= 0.4
