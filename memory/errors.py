"""The tree of errors that a user may see. Everything else is a bug and flies.

UserError                 exit code 2: wrong use, configuration or repository
├── StoreError            a memory home, the experience log or the notes cannot be used
├── NoteRefused           a note that is not stored: a secret in it, nothing in it, too long
├── NoteConflict          somebody else has changed the note meanwhile
├── TreeError             git does not answer for this directory
└── EmbeddingError        texts cannot be turned into vectors
agent/errors.py continues the tree.
"""


class UserError(Exception):
    """Something that the user can act on: the message says what failed, where, and what to do."""

    exit_code = 2


class StoreError(UserError):
    """A store under the memory home cannot be read or written."""


class NoteRefused(UserError):
    """A note, or a change to the notes, that is not stored, and why."""


class NoteConflict(UserError):
    """The note is no longer as the writer last saw it."""


class TreeError(UserError):
    """Git does not answer for a directory."""


class EmbeddingError(UserError):
    """The embedder that is set up cannot be used."""
