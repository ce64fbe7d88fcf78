"""The process that `SymbolReader` starts: reads the symbols of files that come on stdin, and writes them to stdout.

Imports little, because a run that has one changed file to parse waits for it.
"""

import marshal
import signal
import sys

from agent.symbols import read_symbols


def serve(most_seconds: float) -> None:
    """Answer each file with its symbols until nobody asks any more."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # who asked may have been killed
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    marshal.dump("ready", answers)
    answers.flush()
    while True:
        try:
            language, data = marshal.load(questions)
        except EOFError:
            return
        # The default action of its signal ends the process, in the middle of whatever the parser does.
        signal.setitimer(signal.ITIMER_VIRTUAL, most_seconds)
        found = read_symbols(data, language)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        marshal.dump((tuple(tuple(one) for one in found.definitions), dict(found.references)), answers)
        answers.flush()


if __name__ == "__main__":
    serve(float(sys.argv[1]))
