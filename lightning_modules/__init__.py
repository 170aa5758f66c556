import os
from importlib import import_module

from lightning_modules.after_import import after_import
from lightning_modules.libraries import hide_broken_torchaudio

hide_broken_torchaudio()
# What oneDNN compiles for a shape of input it keeps, but only the last thousand: batches of
# changing lengths need more, or all is compiled again at every step. It reads this at first use.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "8192")
# From then on a model whose configuration says local is local, and its adapters say so, too.
after_import(
    "transformers.modeling_utils", lambda: import_module("lightning_modules.attention.interface")
)
after_import(
    "peft.peft_model", lambda: import_module("lightning_modules.attention.adapters").guard_peft()
)
