"""What `python train.py --help` prints, at once: Lightning takes seconds to import."""

VERBS = {
    "labels": "cluster the frames of recordings; pre-training learns to predict the labels",
    "fit": "train: pre-train, fine-tune, or train a variant",
    "validate": "measure a checkpoint on the validation data",
    "test": "measure a checkpoint on the test data, such as its word error rate",
    "predict": "write the transcripts, classes, clusters or features of recordings",
    "export": "write a trained model as a folder for transformers' `from_pretrained`",
}

HELP = """\
usage: train.py [-h] VERB --config FILE [settings]

Train a variant, or L-HuBERT from recordings to word error rates.

verbs:
{verbs}

FILE is a YAML file, such as configs/train/text.yaml. Settings on the command line replace those of
the file, as in --trainer.max_steps 100 or --data.init_args.source DIR.

  train.py VERB --help              the settings of a verb
  train.py fit --model.help CLASS   the settings of a model, such as BertModule
  train.py fit --data.help CLASS    the settings of data, such as TextData
  docs/training.md                  the commands from recordings to word error rates"""


def asks_for_help(arguments: list[str]) -> bool:
    """Tell whether a command line asks for the help of `train.py` itself, and not of a verb."""
    return arguments in (["-h"], ["--help"])


def describe_verbs() -> str:
    """Return the help of `train.py`, at most 100 columns wide."""
    width = max(map(len, VERBS))
    return HELP.format(verbs="\n".join(f"  {name:{width}}  {VERBS[name]}" for name in VERBS))
