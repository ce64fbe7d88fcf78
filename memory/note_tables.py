"""The tables of the record of the notes, and what an event leaves in them.

Events are appended and stay. The rest can be made from them again: which event is current for each note, its anchors,
its words, the tests that its answer is for.
"""

import sqlite3
from typing import Literal

from memory.database import Layout
from memory.records import Note, now
from memory.words import words

SCHEMA = 3

Action = Literal["add", "edit", "forget", "restore"]

_TABLES = """
CREATE TABLE events (
    seq INTEGER PRIMARY KEY, note TEXT NOT NULL, action TEXT NOT NULL, run TEXT, at TEXT NOT NULL,
    schema INTEGER NOT NULL, record TEXT NOT NULL
) STRICT;
CREATE INDEX events_of_note ON events (note, seq);
CREATE INDEX events_of_run ON events (run, seq) WHERE run IS NOT NULL;
CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER events_last BEFORE DELETE ON events BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TABLE current (
    seq INTEGER PRIMARY KEY REFERENCES events (seq), note TEXT NOT NULL UNIQUE, commit_id TEXT
) STRICT;
CREATE TABLE anchors (seq INTEGER NOT NULL, path TEXT NOT NULL, blob TEXT NOT NULL) STRICT;
CREATE INDEX anchors_of ON anchors (seq);
CREATE VIRTUAL TABLE words USING fts5 (text, tokenize = "porter unicode61 tokenchars '_'");
CREATE TABLE identity (id TEXT NOT NULL) STRICT;
INSERT INTO identity VALUES (lower(hex(randomblob(8))));
"""

_SINCE_2 = """
CREATE TABLE injections (
    seq INTEGER PRIMARY KEY, note TEXT NOT NULL, at TEXT NOT NULL, used_by TEXT NOT NULL, tokens INTEGER NOT NULL
) STRICT;
CREATE INDEX injections_of ON injections (note, seq);
CREATE TRIGGER injections_stay BEFORE UPDATE ON injections BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER injections_last BEFORE DELETE ON injections BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TABLE vectors (
    embedder TEXT NOT NULL, text BLOB NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (embedder, text)
) STRICT, WITHOUT ROWID;
"""

_SINCE_3 = """
CREATE TABLE answers (test TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (test, seq)) STRICT, WITHOUT ROWID;
CREATE INDEX answers_of ON answers (seq);
"""

LAYOUT = Layout(
    called="record of the notes",
    application_id=0x536C704E,  # "SlpN"
    schema=SCHEMA,
    tables=_TABLES + _SINCE_2 + _SINCE_3,
    migrations={1: _SINCE_2, 2: _SINCE_3},
    way_back="`sleepwright memory recover` makes it again from the index; or ",
    mark=".made",
)


def append_event(connection: sqlite3.Connection, note: Note, action: Action, run: str | None) -> None:
    """The event, and what follows from it."""
    seq = connection.execute(
        "INSERT INTO events (note, action, run, at, schema, record) VALUES (?, ?, ?, ?, ?, ?)",
        (note.id, action, run, now().isoformat(), SCHEMA, note.model_dump_json()),
    ).lastrowid
    for (old,) in connection.execute("SELECT seq FROM current WHERE note = ?", (note.id,)).fetchall():
        connection.execute("DELETE FROM current WHERE seq = ?", (old,))
        connection.execute("DELETE FROM anchors WHERE seq = ?", (old,))
        connection.execute("DELETE FROM words WHERE rowid = ?", (old,))
        connection.execute("DELETE FROM answers WHERE seq = ?", (old,))
    if action == "forget":
        return
    connection.execute("INSERT INTO current (seq, note, commit_id) VALUES (?, ?, ?)", (seq, note.id, note.commit))
    connection.executemany(
        "INSERT INTO anchors (seq, path, blob) VALUES (?, ?, ?)", [(seq, a.path, a.blob) for a in note.anchors]
    )
    if note.answer:
        tests = set(note.answer.tests) or {""}
        connection.executemany("INSERT INTO answers (test, seq) VALUES (?, ?)", [(test, seq) for test in tests])
    connection.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (seq, " ".join(words(searchable(note)))))


def searchable(note: Note) -> str:
    """What a note is found by."""
    return "\n".join([note.text, *(f"{anchor.path} {anchor.symbol or ''}" for anchor in note.anchors)])
