"""Train a variant: `python train.py fit --config configs/train/text.yaml`."""

import logging
import os
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any, NoReturn

# Lightning calls names of jsonargparse and torch that will change; nothing a user could act on.
os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")
warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)` is deprecated")

from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from datamodules.base import ModalityData
from lightning_modules.base import VariantModule
from profiling.arguments import one_sentence
from profiling.errors import USER_ERRORS, SettingsError

# What Lightning itself understands in place of a file.
CHECKPOINT_WORDS = ("best", "hpc", "last")


class TrainParser(LightningArgumentParser):
    """Lightning's parser, answering a mistake in one sentence."""

    def error(self, message: str, ex: Any = None) -> NoReturn:
        """Print one sentence to stderr and exit with status 2."""
        print(f"error: {one_sentence(message)}", file=sys.stderr)
        sys.exit(2)


class TrainCLI(LightningCLI):
    """LightningCLI over the variants and datamodules of this project."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Let the data tell the module what its head tells apart."""
        parser.link_arguments(
            "data.num_classes", "model.init_args.num_classes", apply_on="instantiate"
        )

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse, then look at the checkpoint before Lightning reads settings out of it."""
        super().parse_arguments(parser, args)
        validate_checkpoint(self.config[self.config.subcommand].get("ckpt_path"))

    def after_instantiate_classes(self) -> None:
        """Compare model and data.

        Raises:
            SettingsError: They are of different modalities.
        """
        if self.model.modality != self.datamodule.modality:
            raise SettingsError(
                f"`data` must be {self.model.modality} for {self.model.variant}, "
                f"got {self.datamodule.modality}"
            )


def validate_checkpoint(ckpt_path: str | None) -> None:
    """Raise SettingsError unless there is a whole checkpoint: a folder, or what `torch.save` wrote.

    A file that was cut short is no zip archive, whose contents stand at its end.
    """
    if ckpt_path is None or ckpt_path in CHECKPOINT_WORDS or Path(ckpt_path).is_dir():
        return
    if not Path(ckpt_path).exists():
        problem = "which does not exist"
    elif not zipfile.is_zipfile(ckpt_path):
        problem = "a file that is damaged or of another kind"
    else:
        return
    words = ", ".join(CHECKPOINT_WORDS)
    raise SettingsError(
        f"`ckpt_path` must be a checkpoint or one of {words}, got {ckpt_path}, {problem}"
    )


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand of LightningCLI; return the exit status."""
    logging.getLogger("lightning.fabric.utilities.seed").setLevel(logging.WARNING)
    try:
        TrainCLI(
            VariantModule,
            ModalityData,
            subclass_mode_model=True,
            subclass_mode_data=True,
            seed_everything_default=0,
            parser_class=TrainParser,
            save_config_kwargs={"overwrite": True},
            args=arguments,
        )
    except ValueError as problem:
        mistake = _mistake_in(problem)
        if mistake is None:
            raise
        print(f"error: {mistake}", file=sys.stderr)
        return 2
    return 0


def _mistake_in(problem: BaseException | None) -> BaseException | None:
    """Find what the user caused: jsonargparse wraps what a class says of its arguments."""
    while problem is not None and not isinstance(problem, USER_ERRORS):
        problem = problem.__cause__ or problem.__context__
    return problem


if __name__ == "__main__":
    sys.exit(main())
