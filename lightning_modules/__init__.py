from importlib import import_module

from lightning_modules.after_import import after_import
from lightning_modules.libraries import hide_broken_torchaudio

hide_broken_torchaudio()
# From then on a model whose configuration says local is local, and its adapters say so, too.
after_import(
    "transformers.modeling_utils", lambda: import_module("lightning_modules.attention.interface")
)
after_import(
    "peft.peft_model", lambda: import_module("lightning_modules.attention.adapters").guard_peft()
)
