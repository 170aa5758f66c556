"""Where the models stood before each modality had a room: old checkpoints and YAML name them so.

A checkpoint of Lightning and the `config.yaml` beside it hold the path of the model's class.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType

MODELS = __name__.rpartition(".")[0]
ROOMS = {
    "text": (
        *("bert", "bigbird", "fnet", "local_bert", "longformer"),
        *("modernbert", "modernbert_full", "nystromformer"),
    ),
    "speech": ("hubert", "lhubert", "parakeet"),
    "vision": ("swin", "swinv2", "vit"),
}
MOVED = {f"{MODELS}.{name}": f"{MODELS}.{room}.{name}" for room in ROOMS for name in ROOMS[room]}


class _FormerPaths(MetaPathFinder, Loader):
    """Imports a model from its room where its former path is asked for."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return spec_from_loader(fullname, self) if fullname in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        # The import system takes what stands here afterwards: there is one module, and one class.
        sys.modules[module.__name__] = import_module(MOVED[module.__name__])


def keep_former_paths() -> None:
    """Let the former paths be imported, from now on in this process."""
    if not any(isinstance(finder, _FormerPaths) for finder in sys.meta_path):
        sys.meta_path.append(_FormerPaths())
