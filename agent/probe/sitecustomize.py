"""Runs first in every Python process of a test command: starts the probe, then the sitecustomize that it hides.

Injected through PYTHONPATH into the user's own Python, 3.8 or newer, where nothing of ours is installed.
"""

import importlib.machinery
import importlib.util
import os
import sys


def run_hidden_sitecustomize() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    others = [entry for entry in sys.path if os.path.abspath(entry) != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


if os.environ.get("SLEEPWRIGHT_PROBE"):
    try:
        import sleepwright_probe

        sleepwright_probe.start(os.environ["SLEEPWRIGHT_PROBE"])
    except Exception as error:  # the border: a probe that cannot work here must not fail the user's tests
        sys.stderr.write(f"sleepwright: no coverage from {sys.executable}: {error}\n")

run_hidden_sitecustomize()
