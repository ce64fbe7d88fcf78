"""The durable record of a repository's notes: an append-only SQLite log of events, safe for several processes.

The notes are what the events come to; nothing is edited or deleted in place, a forgotten note is a tombstone. What
tables there are, and what an event leaves in them, is said in note_tables.py.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from memory.database import Database
from memory.errors import NoteConflict, NoteRefused, UserError
from memory.note_rules import check_edit, check_forgetting, check_note
from memory.note_tables import LAYOUT, append_event
from memory.records import Injection, Note, NoteEvent, Origin, now
from memory.words import words

_LONGEST_QUERY = 200  # words; a whole issue's text asks no more than its beginning


class AnchorRow(NamedTuple):
    """An anchor of a current note, as freshness needs it."""

    note: str
    commit: str | None
    path: str
    blob: str


class Undone(NamedTuple):
    """What an undo came to."""

    events: tuple[NoteEvent, ...]
    left: tuple[str, ...]
    """Ids of notes that were changed again later, and are left as they are."""


class NoteLog:
    """Opened on first use and closed by the context manager; for one thread at a time. Methods may raise StoreError."""

    def __init__(self, path: Path, index: Path | None = None) -> None:
        """`index` is the folder made from this file: where it is there without the file, the file was lost."""
        self.path = path
        self._database = Database(path, LAYOUT, rests=(index,) if index else ())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._database.close()

    @property
    def identity(self) -> str:
        """Of this record, by chance; a store on a server is named after it."""
        with self._database.open() as connection:
            return str(connection.execute("SELECT id FROM identity").fetchone()[0])

    def add(self, notes: Sequence[Note]) -> None:
        """All or none, durable when this returns. NoteRefused for one that may not be stored or whose id is there."""
        for note in notes:
            check_note(note)
        with self._database.write() as connection:
            for note in notes:
                if self._latest(connection, note.id):
                    raise NoteRefused(f"There is a note {note.id!r} already: edit it, or give the new one another id.")
                append_event(connection, note, "add", note.run)

    def edit(self, note: Note, *, seen: int, by: Origin, run: str | None = None) -> Note:
        """Make `note` the next revision of the one with its id; `seen` is the revision that the writer read.

        NoteConflict where it is another by now. Nobody but the user changes what the user said, or makes a note so
        much shorter that knowledge would be lost.
        """
        with self._database.write() as connection:
            before = self._present(connection, note.id)
            if before.revision != seen:
                raise NoteConflict(
                    f"The note {note.id!r} was changed meanwhile (revision {before.revision}, not {seen}): "
                    "read it again and repeat the change."
                )
            check_edit(before, note, by)
            after = note.model_copy(update={"revision": seen + 1, "created_at": now(), "run": run})
            check_note(after)
            append_event(connection, after, "edit", run)
            return after

    def forget(self, ids: Sequence[str], *, by: Origin, run: str | None = None) -> list[Note]:
        """Leave tombstones; `memory undo` and `log` still know the notes. All or none."""
        with self._database.write() as connection:
            notes = [self._present(connection, id) for id in dict.fromkeys(ids)]
            (count,) = connection.execute("SELECT count(*) FROM current").fetchone()
            check_forgetting(notes, count, by)
            for note in notes:
                append_event(connection, note, "forget", run)
            return notes

    def bring_back(self, notes: Sequence[Note], run: str | None = None) -> None:
        """Add notes with all that they are, forgotten ones as their next revision. All or none."""
        for note in notes:
            check_note(note)
        with self._database.write() as connection:
            for note in notes:
                self._restore(connection, note, run)

    def undo(self, run: str, by_run: str | None = None) -> Undone:
        """Take back everything that a run did, except to notes that were changed again later."""
        with self._database.write() as connection:
            touched = connection.execute(
                "SELECT note, min(seq) FROM events WHERE run = ? GROUP BY note ORDER BY min(seq)", (run,)
            ).fetchall()
            if not touched:
                raise UserError(f"No run {run!r} has changed the notes: `sleepwright memory log` lists the changes.")
            first_new = self._last_seq(connection) + 1
            left = []
            for id, first in touched:
                latest = self._latest(connection, id)
                if latest is None or latest.run != run:
                    left.append(id)
                    continue
                before = self._latest(connection, id, before=first)
                if before and before.action != "forget":
                    self._restore(connection, before.note, by_run)
                elif latest.action != "forget":
                    append_event(connection, latest.note, "forget", by_run)
            return Undone(tuple(self._events(connection, "WHERE seq >= ? ORDER BY seq", (first_new,))), tuple(left))

    def get(self, id_or_prefix: str) -> Note:
        """The note of this id, or the only one whose id begins so; UserError where there is none or several."""
        wanted = id_or_prefix.strip().lower()
        with self._database.open() as connection:
            where = "WHERE substr(note, 1, ?) = ? ORDER BY note LIMIT 2"
            found = self._notes(connection, where, (len(wanted), wanted)) if wanted.isalnum() else []
        if not found:
            raise UserError(f"No note has the id {id_or_prefix!r}: `sleepwright memory list` lists them.")
        if len(found) > 1 and found[0].id != wanted:
            raise UserError(f"Several notes have ids that begin with {id_or_prefix!r}: give more of it.")
        return found[0]

    def notes(self, ids: Sequence[str] | None = None) -> list[Note]:
        """All that are not forgotten, oldest first, or those of `ids` that are there, in no promised order."""
        with self._database.open() as connection:
            if ids is None:
                return self._notes(connection, "ORDER BY note")
            return self._notes(connection, "WHERE note IN (SELECT value FROM json_each(?))", (json.dumps(list(ids)),))

    def check(self) -> None:
        """Read everything; StoreError where anything is damaged."""
        with self._database.open() as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise self._database.damage(found)
            self._notes(connection, "")

    def count(self) -> int:
        with self._database.open() as connection:
            return int(connection.execute("SELECT count(*) FROM current").fetchone()[0])

    def events(self, limit: int, note: str | None = None) -> list[NoteEvent]:
        """Newest first; of one note where its id, or the beginning of it, is given."""
        with self._database.open() as connection:
            # Ids are of digits and small letters, which all come before a tilde.
            begin = (note or "").strip().lower()
            where, values = ("WHERE note >= ? AND note < ?", (begin, f"{begin}~")) if note else ("", ())
            return self._events(connection, f"{where} ORDER BY seq DESC LIMIT ?", (*values, limit))

    def changed_after(self, seq: int, limit: int) -> tuple[list[str], int]:
        """Ids of the notes that the next `limit` events are about, and the number of the last of these events."""
        with self._database.open() as connection:
            rows = connection.execute(
                "SELECT note, seq FROM events WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit)
            ).fetchall()
        return list(dict.fromkeys(note for note, _ in rows)), rows[-1][1] if rows else seq

    def last_seq(self) -> int:
        """The number of the last event; 0 before the first."""
        with self._database.open() as connection:
            return self._last_seq(connection)

    def anchors(self, ids: Sequence[str] | None = None) -> list[AnchorRow]:
        """Of all current notes, or of some."""
        chosen = "" if ids is None else "WHERE note IN (SELECT value FROM json_each(?))"
        values = () if ids is None else (json.dumps(list(ids)),)
        with self._database.open() as connection:
            rows = connection.execute(
                f"SELECT note, commit_id, path, blob FROM current JOIN anchors USING (seq) {chosen}", values
            )
            return [AnchorRow(*row) for row in rows]

    def anchors_outside(self, blobs: Iterable[str]) -> list[AnchorRow]:
        """The anchors of all current notes that stand on none of these blobs."""
        with self._database.open() as connection:
            connection.execute("CREATE TEMP TABLE IF NOT EXISTS held (blob TEXT PRIMARY KEY) WITHOUT ROWID")
            connection.execute("BEGIN")
            try:
                connection.executemany("INSERT OR IGNORE INTO held VALUES (?)", ((blob,) for blob in blobs))
                rows = connection.execute(
                    "SELECT note, commit_id, path, blob FROM anchors JOIN current USING (seq)"
                    " WHERE blob NOT IN (SELECT blob FROM held) ORDER BY seq"
                ).fetchall()
            finally:
                connection.execute("ROLLBACK")
            return [AnchorRow(*row) for row in rows]

    def search(self, text: str, limit: int) -> list[str]:
        """Ids of the notes that share words with the text, best first (BM25)."""
        query = " OR ".join(f'"{word}"' for word in dict.fromkeys(words(text)[:_LONGEST_QUERY]))
        if not query:
            return []
        with self._database.open() as connection:
            rows = connection.execute(
                "SELECT note FROM (SELECT rowid, rank FROM words WHERE words MATCH ? ORDER BY rank, rowid LIMIT ?)"
                " JOIN current ON seq = rowid ORDER BY rank, seq",
                (query, limit),
            )
            return [note for (note,) in rows]

    def answers_for(self, tests: Sequence[str]) -> list[str]:
        """Ids of the notes whose patch mends one of these tests, the newest first."""
        with self._database.open() as connection:
            rows = connection.execute(
                "SELECT note FROM current WHERE seq IN"
                " (SELECT seq FROM answers WHERE test IN (SELECT value FROM json_each(?))) ORDER BY seq DESC",
                (json.dumps(list(tests)),),
            )
            return [note for (note,) in rows]

    def answers_in_words(self) -> list[str]:
        """Ids of the notes whose patch was asked for in words, by no failing test; the newest first."""
        with self._database.open() as connection:
            rows = connection.execute(
                "SELECT note FROM answers JOIN current USING (seq) WHERE test = '' ORDER BY seq DESC"
            )
            return [note for (note,) in rows]

    def inject(self, injections: Sequence[Injection]) -> None:
        """Write into the ledger that notes were used."""
        rows = [(each.note, each.at.isoformat(), each.used_by, each.tokens) for each in injections]
        with self._database.write() as connection:
            connection.executemany("INSERT INTO injections (note, at, used_by, tokens) VALUES (?, ?, ?, ?)", rows)

    def injections(self, note: str | None = None) -> list[Injection]:
        """The ledger, oldest first; of one note where its id is given."""
        where, values = ("WHERE note = ?", (note,)) if note else ("", ())
        with self._database.open() as connection:
            rows = connection.execute(f"SELECT note, at, used_by, tokens FROM injections {where} ORDER BY seq", values)
            return [Injection(note=row[0], at=row[1], used_by=row[2], tokens=row[3]) for row in rows]

    def vectors(self, embedder: str, texts: Sequence[bytes]) -> dict[bytes, bytes]:
        """What `keep_vectors` was given for these digests of texts."""
        with self._database.open() as connection:
            query = "SELECT vector FROM vectors WHERE embedder = ? AND text = ?"
            found = {text: connection.execute(query, (embedder, text)).fetchone() for text in texts}
        return {text: row[0] for text, row in found.items() if row}

    def keep_vectors(self, embedder: str, vectors: Mapping[bytes, bytes]) -> None:
        """Remember vectors by the digest of their text, so that an index is made again without embedding again."""
        rows = [(embedder, text, vector) for text, vector in vectors.items()]
        with self._database.write() as connection:
            connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)

    def drop_vectors(self, but: str) -> None:
        """Forget the vectors of all embedders but one."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM vectors WHERE embedder != ?", (but,))

    def _restore(self, connection: sqlite3.Connection, note: Note, run: str | None) -> None:
        latest = self._latest(connection, note.id)
        revision = latest.note.revision + 1 if latest else note.revision
        append_event(connection, note.model_copy(update={"revision": revision}), "restore", run)

    def _present(self, connection: sqlite3.Connection, id: str) -> Note:
        found = self._notes(connection, "WHERE note = ?", (id,))
        if not found:
            raise UserError(f"No note has the id {id!r}: it may have been forgotten; `sleepwright memory log` knows.")
        return found[0]

    def _latest(self, connection: sqlite3.Connection, id: str, before: int | None = None) -> NoteEvent | None:
        bound = before if before is not None else 1 << 62
        found = self._events(connection, "WHERE note = ? AND seq < ? ORDER BY seq DESC LIMIT 1", (id, bound))
        return found[0] if found else None

    def _notes(self, connection: sqlite3.Connection, where: str, values: Sequence[str | int] = ()) -> list[Note]:
        rows = connection.execute(
            "SELECT note, schema, record FROM"
            f" (SELECT current.note, schema, record FROM current JOIN events USING (seq)) {where}",
            values,
        )
        return [self._read(*row) for row in rows]

    def _events(self, connection: sqlite3.Connection, where: str, values: Iterable[str | int]) -> list[NoteEvent]:
        rows = connection.execute(f"SELECT seq, action, run, at, note, schema, record FROM events {where}", (*values,))
        return [
            NoteEvent(seq=seq, action=action, run=run, at=datetime.fromisoformat(at), note=self._read(*row))
            for seq, action, run, at, *row in rows
        ]

    def _last_seq(self, connection: sqlite3.Connection) -> int:
        return int(connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0])

    def _read(self, id: str, schema: int, text: str) -> Note:
        self._database.check_schema(schema)
        try:
            return Note.model_validate_json(text)
        except ValueError as error:
            raise self._database.damage(f"the note {id!r} is unreadable") from error
