"""Classes go by their names; to look for one takes torch."""

from pathlib import Path

from profiling.cli import parse
from profiling.commands.command import plain


def test_a_class_of_a_sweep_goes_by_its_name_as_in_training(tmp_path: Path) -> None:
    config = tmp_path / "sweep.yaml"
    block = "{class_path: TextData, init_args: {source: a.csv, tokenizer: t}}"
    config.write_text(f"modalities: {{text: {{variants: [bert], data: {block}}}}}\n")
    expected = {
        "class_path": "datamodules.modalities.text.TextData",
        "init_args": {"source": "a.csv", "tokenizer": "t"},
    }
    data = parse(["sweep", "--config", str(config)]).sweep.modalities["text"]["data"]
    assert plain(data) == expected
    line = f"--modalities={{text: {{variants: [bert], data: {block}}}}}"
    assert plain(parse(["sweep", line]).sweep.modalities["text"]["data"]) == expected
