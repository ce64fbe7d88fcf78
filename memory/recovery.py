"""Makes a record of the notes again that is lost or damaged, from the index that was made from it."""

import os
import time

from memory.errors import StoreError
from memory.home import MemoryHome
from memory.index_folder import IndexFailure, IndexFolder
from memory.note_log import NoteLog


def recover_notes(home: MemoryHome) -> int:
    """How many notes the new record has. StoreError where the record is whole, or there is nothing to make it from.

    Nothing is deleted: the damaged record and the index stay beside, with the time in their names.
    """
    if home.notes.exists() and _is_whole(home):
        raise StoreError(f"The record of the notes {str(home.notes)!r} is whole: there is nothing to recover.")
    with IndexFolder(home.index).locked() as is_mine:
        if not is_mine:
            raise StoreError(f"Another process has {str(home.index)!r} open: try again when it has ended.")
        # Imported here: it imports Chroma, and the two lines above are answered without.
        from memory.notes import notes_in_folder

        try:
            notes = notes_in_folder(home.index) if home.index.exists() else []
        except IndexFailure as failure:
            raise StoreError(f"The index {str(home.index)!r} is damaged too: {failure}. {_EXPORT}") from failure
        if not notes:
            raise StoreError(f"There is no note in the index {str(home.index)!r}. {_EXPORT}")
        suffix = f".damaged-{time.strftime('%Y%m%d-%H%M%S')}"
        for path in (*home.path.glob(f"{home.notes.name}*"), home.index):
            if path.exists() and ".damaged-" not in path.name:
                os.replace(path, path.with_name(path.name + suffix))
        with NoteLog(home.notes, home.index) as log:
            log.bring_back(notes, run="recovered")
    return len(notes)


_EXPORT = "If you have an export, move the damaged files away and use `sleepwright memory import`."


def _is_whole(home: MemoryHome) -> bool:
    with NoteLog(home.notes, home.index) as log:
        try:
            log.check()
        except StoreError:
            return False
    return True
