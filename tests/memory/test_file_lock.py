"""One process at a time, and one sentence where the lock cannot be written."""

from pathlib import Path

import pytest

from memory.errors import StoreError
from memory.file_lock import is_locked, locked


def test_it_is_held_while_the_block_runs(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "lock")
    with locked(tmp_path / "lock"):
        assert is_locked(tmp_path / "lock")
    assert not is_locked(tmp_path / "lock")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_said_in_a_sentence() -> None:
    with pytest.raises(StoreError, match="The lock '/dev/full' cannot be used: "), locked(Path("/dev/full")):
        pass
