"""`train.py` as a command line: its verbs, its own checkpoints, its errors."""

import re
from pathlib import Path

import pytest
import torch
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

import train
from profiling.training.verbs import VERBS, describe_verbs
from tests.samples.places import ROOT
from tests.samples.texts import SPECIAL, make_texts, write_jsonl, write_tokenizer
from tests.samples.training import BRIEFLY, offline
from tests.samples.variants.models import build


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py"])


def run(*arguments: str) -> object:
    try:
        return train.main([*arguments])
    except SystemExit as ended:
        return ended.code


def fit(config: Path, *more: str) -> object:
    return run("fit", "--config", str(config), "--trainer.max_steps=2", *BRIEFLY, *more)


@pytest.mark.parametrize(("allocator", "kept"), [([], 1), (["--allocator=system"], 0)])
def test_on_a_cpu_freed_memory_stays_unless_it_is_to_go_back(
    allocator: list[str], kept: int, everything: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[bool] = []
    monkeypatch.setattr("lightning_modules.allocator.keep_freed_memory", lambda: calls.append(True))
    config = ROOT / "configs/train/vision.yaml"
    assert fit(config, *offline(config, everything), *allocator) == 0
    assert len(calls) == kept


@pytest.mark.parametrize(("given", "chosen"), [([], "flash"), (["--sdpa_backend=cudnn"], "cudnn")])
def test_elsewhere_attention_takes_the_kernel_that_new_shapes_cost_nothing(
    given: list[str], chosen: str, everything: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr("train.choose_sdpa", calls.append)
    monkeypatch.setattr("train.CPUAccelerator", type("NoCpu", (), {}))
    config = ROOT / "configs/train/vision.yaml"
    assert fit(config, *offline(config, everything), *given) == 0
    assert calls == [chosen]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model.init_args.size", "huge"], ["`size`", "huge", "tiny"]),
        (["--model.init_args.sise", "tiny"], ["`sise`"]),
        (["--model", "Brt"], ["`model`", "module.Class", "Brt", " BertModule, "]),
        (["--model", "SuperbAsr", "--model.init_args.sise", "9"], ["`sise`", "head_size", "size"]),
        (["--trainer.callbacks.class_path", "Brt"], ["`trainer.callbacks`", "Brt"]),
        (["--config", "nowhere.yaml"], ["nowhere.yaml"]),
        (["--trainer.precision", "bf16-true"], ["`precision`", "bf16-mixed", "got bf16-true"]),
        (["--trainer.precision", "16-true"], ["`precision`", "16-mixed", "got 16-true"]),
        (["--ckpt_path", "nowhere.ckpt"], ["`ckpt_path`", "last", "nowhere.ckpt"]),
        (
            ["--data", "datamodules.modalities.synthetic.SyntheticVision"],
            ["`data`", "text", "vision"],
        ),
        (["--model", "CtcModule"], ["`data` must be speech for CtcModule", " TranscribedSpeech"]),
    ],
)
def test_a_users_mistake_is_one_sentence(
    arguments: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert fit(ROOT / "configs/train/text.yaml", *arguments) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert len(said) == 1, said
    for word in words:
        assert word in said[0]


def test_a_precision_that_the_cpu_computes_wrongly_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lightning_modules.reduced_precision.error_of", lambda *_: 1.25)
    assert fit(ROOT / "configs/train/speech.yaml", "--trainer.precision", "bf16-mixed") == 2
    said = capsys.readouterr().err
    assert "`precision` must be 32-true for this model on this CPU, got bf16-mixed" in said
    assert "(by 125%)" in said


def test_data_longer_than_a_variant_takes_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--model", "WhisperModule", "--data.init_args.sequence_length", "1600"]
    assert fit(ROOT / "configs/train/speech.yaml", *given) == 2
    said = capsys.readouterr().err
    assert "`data` must have inputs of at most 1,500 frames for whisper, got 1,600" in said


def test_a_checkpoint_with_fewer_token_ids_than_the_data_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build("text", "bert").model.save_pretrained(tmp_path / "small")
    given = ["--model.init_args.checkpoint", str(tmp_path / "small")]
    assert fit(ROOT / "configs/train/text.yaml", *given) == 2
    said = capsys.readouterr().err
    assert "an embedding for each of 128 token ids, as many as `data` has, got 40" in said


@pytest.mark.parametrize("model", ["BertModule", "LongformerModule"])
def test_a_model_of_texts_is_built_for_the_padding_of_their_tokenizer(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[train.TrainCLI] = []

    class Cli(train.TrainCLI):
        def after_fit(self) -> None:
            seen.append(self)

    monkeypatch.setattr(train, "TrainCLI", Cli)
    texts = write_jsonl(tmp_path / "texts.jsonl", make_texts(range(5, 30)))
    tokenizer = write_tokenizer(tmp_path / "tokenizer", reversed(SPECIAL))
    given = ["--model", model, "--data", "TextData", "--data.init_args.source", texts]
    given += ["--data.init_args.tokenizer", tokenizer]
    assert fit(ROOT / "configs/train/text.yaml", *given) == 0
    assert seen[0].datamodule.pad_token_id == SPECIAL[::-1].index("[PAD]") > 0
    assert seen[0].model.model.config.pad_token_id == seen[0].datamodule.pad_token_id


@pytest.mark.parametrize("name", ["BertModule", "lightning_modules.speech.superb.SuperbAsr"])
def test_help_of_a_class_explains_every_setting(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("fit", f"--model.help={name}") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Folder or hub name" in said
    explained = re.findall(r"--model\.(\w+) [A-Z_{}a-z,]+ (\S+)", said.split("Help for")[1])
    assert {"checkpoint", "lr", "size"} <= {setting for setting, _ in explained}
    assert "(type:" not in {text for _, text in explained}


def test_help_names_every_verb_and_no_other() -> None:
    listed = re.findall(r"^  (\w+)  ", describe_verbs().split("verbs:")[1], re.MULTILINE)
    assert sorted(listed) == sorted([*LightningCLI.subcommands(), *train.OWN_COMMANDS])


@pytest.mark.parametrize(
    ("words", "number"),
    [(["labels"], 1), (["fit", "--no"], 1), ([], len(VERBS)), (["fly"], len(VERBS))],
)
def test_of_the_parsers_only_that_of_the_verb_is_built(
    words: list[str], number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = []

    class Cli(train.TrainCLI):
        def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
            built.append(parser)
            super().add_arguments_to_parser(parser)

    monkeypatch.setattr(train, "TrainCLI", Cli)
    assert run(*words) == 2
    assert len(built) == number


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_says_in_full_what_it_does(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(verb, "--help") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert VERBS[verb] in said


def test_a_checkpoint_has_what_is_needed_to_go_on_exactly(tmp_path: Path) -> None:
    assert fit(ROOT / "configs/train/text.yaml") == 0
    checkpoint = torch.load(next(tmp_path.rglob("*.ckpt")), weights_only=True)
    assert set(checkpoint["callbacks"]["RandomStates"]["states"][0]) == {
        "python",
        "numpy",
        "torch",
        "cuda",
    }


def test_settings_are_the_users_and_not_the_checkpoints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = ROOT / "configs/train/speech.yaml"
    assert fit(config, "--model.init_args.attention_window=8") == 0
    checkpoint = str(next(tmp_path.rglob("*.ckpt")))
    other = ["--model.init_args.size=small", "--ckpt_path", checkpoint]
    assert run("test", "--config", str(config), *other, *BRIEFLY) == 2
    said = capsys.readouterr().err
    assert "`ckpt_path` must be of a LHubertModule with these settings" in said


def test_an_archive_that_is_no_checkpoint_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"weights": torch.ones(2)}, tmp_path / "other.ckpt")
    config = str(ROOT / "configs/train/text.yaml")
    assert run("test", "--config", config, "--ckpt_path", str(tmp_path / "other.ckpt")) == 2
    assert "a file of another kind" in capsys.readouterr().err


def test_last_without_a_checkpoint_is_refused_where_nothing_is_trained(
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = str(ROOT / "configs/train/text.yaml")
    assert run("test", "--config", config, "--ckpt_path", "last") == 2
    assert "`ckpt_path` must be a checkpoint, got last" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"no checkpoint", b""])
def test_a_damaged_checkpoint_is_named(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = tmp_path / "half.ckpt"
    damaged.write_bytes(content)
    assert fit(ROOT / "configs/train/text.yaml", "--ckpt_path", str(damaged)) == 2
    assert f"got {damaged}, a file that is damaged" in capsys.readouterr().err
