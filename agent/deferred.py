"""Packages of others whose `__init__` imports far more than a run looks at: here it waits until it is asked for.

`import openai` makes hundreds of classes for replies that no run reads, and langgraph imports the clients of a service
and of a server that no run speaks to: half of what a run costs before its first request. A package named here is known
with its place alone, so that its modules can be imported out of it; its `__init__` runs when something is looked up
that only it can tell. What the package holds is the same either way, only later.

importlib's own LazyLoader does this for a module, but not for a package: importing what lies inside wakes it.
"""

import sys
from collections.abc import Collection, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from threading import RLock
from types import ModuleType
from typing import Any

PACKAGES = frozenset({"langgraph_sdk", "langsmith.types", "openai.types", "openai.types.responses"})
UNUSED = frozenset({"openai._vendor.httpx_aiohttp"})
"""Optional parts, which would import large packages that happen to be there: nobody here asks for them."""
_lock = RLock()


def defer_packages(packages: Collection[str] = PACKAGES, unused: Collection[str] = UNUSED) -> None:
    """From now on in this process; what has been imported already stays as it is."""
    sys.meta_path.insert(0, _Finder(packages, unused))


class _Finder:
    def __init__(self, packages: Collection[str], unused: Collection[str]) -> None:
        self._packages = packages
        self._unused = unused

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in self._unused:
            raise ModuleNotFoundError(f"{fullname!r} is left out", name=fullname)
        spec = PathFinder.find_spec(fullname, path, target) if fullname in self._packages else None
        if spec is not None and spec.loader is not None and spec.submodule_search_locations is not None:
            spec.loader = _Later(spec.loader)  # type: ignore[assignment]  # importlib.abc takes 20 ms to import
        return spec


class _Later:
    """Makes a package known, and runs nothing of it."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self.loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        module.__class__ = _Package


class _Package(ModuleType):
    """A package whose `__init__` has not run to its end."""

    def __getattr__(self, name: str) -> Any:
        spec = self.__spec__
        assert spec is not None
        with _lock:
            if isinstance(later := spec.loader, _Later):
                self.__loader__ = spec.loader = later.loader
                try:
                    later.loader.exec_module(self)
                except BaseException:
                    self.__loader__ = spec.loader = later
                    raise
                self.__class__ = ModuleType
        return ModuleType.__getattribute__(self, name)  # to its own `__init__`, what is there so far
