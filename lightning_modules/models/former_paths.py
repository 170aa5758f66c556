"""Where models stood before each modality had a room: checkpoints and YAML of then name them so.

A checkpoint of Lightning and the `config.yaml` beside it hold the path of the model's class.
Lightning takes a class from a checkpoint only where its module is imported already.
"""

import sys

MODELS = __name__.rpartition(".")[0]
ROOMS = {
    "text": (
        *("bert", "bigbird", "fnet", "local_bert", "longformer"),
        *("modernbert", "modernbert_full", "nystromformer"),
    ),
    "speech": ("hubert", "lhubert", "parakeet"),
    "vision": ("swin", "swinv2", "vit"),
}
FORMER = {f"{MODELS}.{room}.{name}": f"{MODELS}.{name}" for room in ROOMS for name in ROOMS[room]}


def keep_former_path(name: str) -> None:
    """Let a module that is being imported be found where it stood before, too.

    Args:
        name: Of the module; one that never stood elsewhere is left alone.
    """
    if name in FORMER:
        sys.modules[FORMER[name]] = sys.modules[name]
