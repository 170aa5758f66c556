"""Train a variant: `python train.py fit --config configs/train/text.yaml`."""

import os
import sys
from typing import Any, NoReturn

# Lightning calls names of jsonargparse that will change; nothing that a user could act on.
os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")

from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from datamodules.base import ModalityData
from lightning_modules.base import VariantModule
from profiling.arguments import one_sentence
from profiling.errors import USER_ERRORS

# What a module must know of its data; a class without the setting ignores the link.
DATA_FACTS = ("vocab_size", "num_clusters", "num_classes")


class TrainParser(LightningArgumentParser):
    """Lightning's parser, answering a mistake in one sentence."""

    def error(self, message: str, ex: Any = None) -> NoReturn:
        """Print one sentence to stderr and exit with status 2."""
        print(f"error: {one_sentence(message)}", file=sys.stderr)
        sys.exit(2)


class TrainCLI(LightningCLI):
    """LightningCLI over the variants and datamodules of this project."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Let the data tell the module its number of tokens, clusters or classes."""
        for fact in DATA_FACTS:
            parser.link_arguments(
                "data", f"model.init_args.{fact}", compute_fn=_reader(fact), apply_on="instantiate"
            )


def _reader(fact: str) -> Any:
    def read(data: ModalityData) -> int | None:
        return data.facts().get(fact)

    return read


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand of LightningCLI; return the exit status."""
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
