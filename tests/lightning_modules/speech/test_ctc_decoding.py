"""What CTC says: greedy decoding, error rates, transcripts."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from datamodules.utterances.alphabet import LETTERS as LETTERS_OF_DATA
from datamodules.utterances.alphabet import spell
from lightning_modules.speech.ctc import CtcModule
from lightning_modules.speech.ctc_decoding import (
    LETTERS,
    decode_greedily,
    read_labels,
    read_symbols,
)
from lightning_modules.speech.transcriber import transcript_table
from tests.samples.fitting import loader, predict, trainer
from tests.samples.recordings.ctc import FRAMES, STILL, batches, module, slow_decode, utterances
from tests.samples.variants.hubert import samples_of, waveform


@given(paths=st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=12), min_size=1, max_size=4))
def test_greedy_decoding_merges_then_drops_blanks(paths: list[list[int]]) -> None:
    alphabet = ["", "|", "A", "B", "'"]
    longest = max(map(len, paths))
    # What follows the end of a transcript is not read.
    padded = torch.tensor([path + [2] * (longest - len(path)) for path in paths])
    logits = torch.nn.functional.one_hot(padded, 5).float()
    found = decode_greedily(logits, torch.tensor([len(path) for path in paths]), alphabet)
    for path, text in zip(paths, found, strict=True):
        letters = "".join(alphabet[symbol] for symbol in slow_decode(path))
        assert text.split() == [word for word in letters.split("|") if word]
        assert text == " ".join(text.split())


@given(st.lists(st.text("ABZ'", min_size=1), min_size=1))
def test_what_is_spelled_is_read_back(words: list[str]) -> None:
    assert LETTERS == LETTERS_OF_DATA
    text = " ".join(words)
    symbols = spell(text)
    assert read_symbols(symbols, LETTERS) == text
    assert read_labels(torch.tensor([[*symbols, -100, -100]]), LETTERS) == [text]


class Told(CtcModule):
    """Says what it is told."""

    told: list[str]

    def frame_logits(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        rows = []
        for index in batch["index"].tolist():
            row = [symbol for letter in spell(self.told[index]) for symbol in (letter, 0)]
            rows.append(torch.tensor(row + [0] * (FRAMES - len(row))))
        return 9 * torch.nn.functional.one_hot(torch.stack(rows), len(self.alphabet)).float()


def tell(said: list[str]) -> Told:
    model = Told(variant="hubert", model_fields=STILL)
    model.told = said
    return model


def test_error_rates_are_those_counted_by_hand(tmp_path: Path) -> None:
    # References: "AB", "IT'S ME", "A B C". One word wrong, one missing, one too many, of six.
    model = tell(["AX", "ME", "A B C C"])
    data = loader([*batches(3, 2), {}])
    (metrics,) = trainer(tmp_path).test(model, data, verbose=False)
    assert metrics["test_wer"] == pytest.approx(3 / 6)
    # 1 letter of "AB", 5 of "IT'S ME", 2 more than "A B C".
    assert metrics["test_cer"] == pytest.approx((1 + 5 + 2) / (2 + 7 + 5))
    assert model.hypotheses == [(0, "AB", "AX"), (1, "IT'S ME", "ME"), (2, "A B C", "A B C C")]


def test_saying_nothing_is_all_wrong_and_the_next_test_starts_anew(tmp_path: Path) -> None:
    data = loader(batches(3, 2))
    model = tell(["", "", ""])
    for said, wanted in ((["", "", ""], 1.0), (["AB", "IT'S ME", "A B C"], 0.0)):
        model.told = said
        (metrics,) = trainer(tmp_path).test(model, data, verbose=False)
        assert metrics["test_wer"] == metrics["test_cer"] == wanted
        assert len(model.hypotheses) == 3


def test_validation_logs_the_same_and_shows_transcripts(tmp_path: Path) -> None:
    model = tell(["AB", "IT'S ME", "A B"])
    logger = TensorBoardLogger(tmp_path, name="", version="")
    data = loader(batches(3, 3))
    (metrics,) = trainer(tmp_path, logger=logger).validate(model, data, verbose=False)
    assert metrics["val_wer"] == pytest.approx(1 / 6)
    assert metrics["val_loss"] > 0
    logger.experiment.flush()
    events = EventAccumulator(str(tmp_path)).Reload()
    (shown,) = events.Tensors("val_transcripts/text_summary")
    assert b"| 2 | A B C | A B |" in shown.tensor_proto.string_val[0]


def test_a_process_without_a_batch_left_evaluates_nothing(tmp_path: Path) -> None:
    model = tell(["AB", "IT'S ME", "A B"])
    data = loader([{}, batches(1, 1)[0]])
    (metrics,) = trainer(tmp_path).validate(model, data, verbose=False)
    assert metrics["val_wer"] == 0
    assert model.predict_step({}, 0) == []


def test_a_table_keeps_its_columns() -> None:
    assert transcript_table([(7, "A|B", "")]).splitlines()[-1] == "| 7 | A\\|B |  |"


@pytest.mark.parametrize("variant", ["hubert", "lhubert"])
def test_a_recording_is_transcribed_as_if_it_were_alone(variant: str, tmp_path: Path) -> None:
    model = module(variant).eval()
    with torch.no_grad():  # so that something is said
        model.model.lm_head.weight.mul_(30)
    batch = utterances(3, padded=True)
    (texts,) = predict(model, [batch], tmp_path)
    assert any(texts)
    for index, text in enumerate(texts):
        real = batch["input_values"][index : index + 1, : samples_of(FRAMES - 3 * index)]
        logits = model.model(real).logits
        assert decode_greedily(logits, torch.tensor([logits.shape[1]]), LETTERS) == [text]


def test_a_long_recording_is_transcribed_in_one_pass() -> None:
    model = module().eval()
    long = waveform(2500)
    with torch.no_grad():
        whole = model.model(long).logits[0]
        torch.testing.assert_close(model.recording_logits(long[0]), whole, rtol=1e-3, atol=1e-4)
