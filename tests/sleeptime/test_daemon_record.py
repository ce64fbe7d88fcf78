"""What the daemon remembers for good."""

from pathlib import Path

from sleeptime.daemon_record import DaemonRecord, Nap


def test_each_repository_has_its_last_thousand_naps(tmp_path: Path) -> None:
    with DaemonRecord(tmp_path / "daemon.db") as record:
        for root in ("/seldom", *["/often"] * 1_003, "/seldom"):
            record.begin(Path(root), Nap())
        assert (len(record.naps(Path("/seldom"))), len(record.naps(Path("/often"), 2_000))) == (2, 1_000)
