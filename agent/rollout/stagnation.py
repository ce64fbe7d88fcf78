"""Notices that a candidate goes in circles: the same calls again and again, failures in a row, answers without a call.

Pure: it is told what happened, and says what to tell the model and when there is no point in going on.
"""

import json

from agent.tool_calls import Call

NUDGE, BREAK = 3, 5
"""Times that the same calls come in a row."""
LONGEST_PERIOD = 3
"""Calls that repeat together."""
NUDGE_FAILURES, BREAK_FAILURES = 4, 12
BREAK_SILENCES = 5
"""Answers in a row without a call."""


class Stagnation:
    """What the latest calls of one candidate have in common."""

    def __init__(self) -> None:
        self._keys: list[str] = []
        self._failures = 0
        self._silences = 0

    def saw_call(self, call: Call, failed: bool) -> None:
        """A call was executed, or refused."""
        self._silences = 0
        self._failures = self._failures + 1 if failed else 0
        self._keys.append(json.dumps([call.name, dict(call.arguments), call.problem], sort_keys=True))
        del self._keys[: -LONGEST_PERIOD * BREAK]

    def saw_silence(self) -> None:
        """An answer held no call."""
        self._silences += 1

    @property
    def is_stuck(self) -> bool:
        """Whether there is no point in going on."""
        return self._repeats() >= BREAK or self._failures >= BREAK_FAILURES or self._silences >= BREAK_SILENCES

    @property
    def nudge(self) -> str:
        """What to tell the model now; empty where all is well."""
        if (repeats := self._repeats()) >= NUDGE:
            return (
                f"You have made the same calls {repeats} times in a row. Their result will not change: do something"
                " else, or submit what you have."
            )
        if self._failures and self._failures % NUDGE_FAILURES == 0:
            return (
                f"The last {self._failures} calls have all failed. Read the file or the message again, and try another"
                " way."
            )
        return ""

    def _repeats(self) -> int:
        """How often the last calls, one to three of them, have come in a row."""
        return max((self._times(period) for period in range(1, LONGEST_PERIOD + 1)), default=0)

    def _times(self, period: int) -> int:
        last, times = self._keys[-period:], 0
        while len(last) == period and self._keys[len(self._keys) - period * (times + 1) :][:period] == last:
            times += 1
            if period * (times + 1) > len(self._keys):
                break
        return times
