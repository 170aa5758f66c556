"""The models, a room per modality."""

from lightning_modules.models.former_paths import keep_former_paths

keep_former_paths()
