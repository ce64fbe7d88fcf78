"""The real command line with a scripted model: `python scripted_cli.py SCRIPT ARGUMENTS...`, SCRIPT a JSON file."""

import json
import sys
from pathlib import Path

from agent.cli import main
from agent.edits import Edit
from agent.scripted import ScriptedProposer

if __name__ == "__main__":
    samples = json.loads(Path(sys.argv[1]).read_text())
    main(sys.argv[2:], ScriptedProposer([[Edit(**edit) for edit in edits] for edits in samples]))
