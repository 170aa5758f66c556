"""What modules share that transcribe speech by CTC: loss, greedy decoding, error rates."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, distributed

from lightning_modules.checkpoints.vocabulary import empty_blank
from lightning_modules.errors import ModelError
from lightning_modules.speech.ctc_decoding import (
    LETTERS,
    can_be_aligned,
    ctc_losses,
    decode_greedily,
    read_labels,
    validate_alphabet,
)
from lightning_modules.speech.error_rates import LetterErrors, WordErrors
from lightning_modules.speech.figures import tensorboards
from lightning_modules.speech.utterance_module import UtteranceModule, frame_lengths, real_waveforms

NUM_SHOWN = 12

Transcript = tuple[int, str, str]
"""The index of an utterance, its reference and the hypothesis about it."""


class Transcriber(UtteranceModule):
    """Transcribes by CTC; a derived class gives the letters per frame.

    `labels` of a batch are (batch, letters) int64, below 1 where padded.
    """

    label_kind = "transcripts"

    def __init__(self, alphabet: list[str] | None = None, **settings: Any) -> None:
        """Choose the alphabet; derived classes build the model.

        Args:
            alphabet: What every output stands for, the first the blank, whatever it is called, `|`
                the end of a word; the data say it.
            settings: Those of SpeechTraining.

        Raises:
            ModelError: A symbol is there twice, or there is none beside the blank.
        """
        super().__init__(**settings)
        if alphabet is None:
            self.alphabet = list(self.usual_alphabet())
        else:
            self.alphabet = empty_blank(alphabet)
        validate_alphabet(self.alphabet)
        self.wer = WordErrors()
        self.cer = LetterErrors()
        self.hypotheses: list[Transcript] = []
        """Of all processes, in the order of the source, after a test."""
        self._transcripts: list[Transcript] = []

    def usual_alphabet(self) -> Sequence[str]:
        """Return the alphabet where neither data nor settings have one: the letters of English."""
        return LETTERS

    def backbone(self) -> Any:
        """Return the HuBERT that turns samples into frames."""
        raise NotImplementedError

    def frame_logits(self, batch: dict[str, Tensor]) -> Tensor:
        """Return the logits of a batch, (batch, frames, symbols)."""
        raise NotImplementedError

    def recording_logits(self, waveform: Tensor) -> Tensor:
        """Return the logits of one recording (samples,) of any length, (frames, symbols)."""
        raise NotImplementedError

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Compute the logits of a batch, (batch, frames, symbols)."""
        return self.frame_logits(batch)

    def losses(self, batch: dict[str, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the loss of every utterance, (batch,), and what it was computed from.

        Returns:
            The losses; beside them the logits (batch, frames, symbols) and the frames of each that
            are no padding, (batch,).
        """
        logits = self.frame_logits(batch)
        lengths = frame_lengths(self.backbone(), batch)
        return ctc_losses(logits, lengths, batch["labels"]), (logits, lengths)

    def can_be_judged(self, batch: dict[str, Tensor], output: tuple[Tensor, Tensor]) -> Tensor:
        """Return which transcripts have not more letters than frames, (batch,) bool."""
        return can_be_aligned(output[1], batch["labels"])

    def count(self, batch: dict[str, Tensor], output: tuple[Tensor, Tensor]) -> None:
        """Compare the transcripts of a batch with its labels.

        Args:
            batch: With `labels` and `index`.
            output: The logits (batch, frames, symbols) and the frames of each, (batch,).
        """
        hypotheses = decode_greedily(*output, self.alphabet)
        references = read_labels(batch["labels"], self.alphabet)
        self.wer.update(hypotheses, references)
        self.cer.update(hypotheses, references)
        indices = batch["index"].tolist()
        self._transcripts += zip(indices, references, hypotheses, strict=True)

    def log_counts(self, stage: str) -> None:
        """Log both error rates, and show some transcripts."""
        for name, metric in (("wer", self.wer), ("cer", self.cer)):
            rate = metric.compute()
            if rate.isfinite():  # of references without a letter there is no rate
                self.log(f"{stage}_{name}", rate, prog_bar=name == "wer")
            metric.reset()
        transcripts, self._transcripts = sorted(self._transcripts), []
        if stage == "test":
            self.hypotheses = transcripts = self._of_all_processes(transcripts)
        for writer in tensorboards(self):
            table = transcript_table(transcripts[:NUM_SHOWN])
            writer.add_text(f"{stage}_transcripts", table, self.global_step)

    def predict_step(self, batch: dict[str, Tensor], batch_idx: int) -> list[str]:
        """Return the transcripts of a batch, each as if it were alone.

        Padding would change the group norm of HuBERT's first layer.
        """
        if not batch:
            return []
        transcripts = []
        for waveform in real_waveforms(batch):
            logits = self.recording_logits(waveform)[None]
            lengths = torch.tensor([logits.shape[1]])
            transcripts += decode_greedily(logits, lengths, self.alphabet)
        return transcripts

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what the outputs stand for beside the weights that give them."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["alphabet"] = self.alphabet

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse weights that spell with other letters.

        Raises:
            ModelError: The alphabet is another one, or the attention is.
        """
        super().on_load_checkpoint(checkpoint)
        saved = empty_blank(checkpoint.get("alphabet", self.alphabet))
        if saved != self.alphabet:
            raise ModelError(
                f"`alphabet` must be {''.join(saved)} as the checkpoint was trained on, "
                f"got {''.join(self.alphabet)}"
            )

    def _of_all_processes(self, transcripts: list[Transcript]) -> list[Transcript]:
        if self.trainer.world_size == 1:
            return transcripts
        everyone: list[Any] = [None] * self.trainer.world_size
        distributed.all_gather_object(everyone, transcripts)
        return sorted(transcript for part in everyone for transcript in part)


def transcript_table(transcripts: Sequence[Transcript]) -> str:
    """Return references and hypotheses as a table in Markdown."""
    lines = ["| index | reference | hypothesis |", "|---|---|---|"]
    for index, *texts in transcripts:
        escaped = [text.replace("|", "\\|") for text in texts]
        lines.append(f"| {index} | {' | '.join(escaped)} |")
    return "\n".join(lines)
