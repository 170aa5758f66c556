"""Speech recognition the SUPERB way: a frozen model, a sum of its layers, and a BLSTM that spells.

Source: SUPERB, Yang et al. 2021; sizes and rates of s3prl's downstream `asr`.
"""

from typing import Any

import torch
from torch import Tensor, nn

from lightning_modules.errors import ModelError
from lightning_modules.lhubert.building import build_speech_model
from lightning_modules.speech.layer_mixing import LayerMix, validate_summing
from lightning_modules.speech.spec_augment import augment_features
from lightning_modules.speech.transcriber import Transcriber
from lightning_modules.speech.utterance_module import frame_lengths
from lightning_modules.speech.whole_recordings import summed_states

NUM_BLSTM_LAYERS = 2


class BlstmHead(nn.Module):
    """A projection, two bidirectional LSTM layers with dropout after each, and a letter per frame.

    Args:
        input_size: Of a frame.
        hidden_size: Of the projection, and of each direction.
        num_symbols: Of the output.
        dropout: Share of values that become zero in training.
    """

    def __init__(self, input_size: int, hidden_size: int, num_symbols: int, dropout: float) -> None:
        super().__init__()
        self.projection = nn.Linear(input_size, hidden_size)
        self.blstm = nn.LSTM(
            hidden_size,
            hidden_size,
            NUM_BLSTM_LAYERS,
            batch_first=True,
            dropout=dropout,
            bidirectional=True,
        )
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(2 * hidden_size, num_symbols)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Compute logits; the backward direction begins at the last frame that is no padding.

        Args:
            features: (batch, frames, input_size).
            lengths: (batch,) frames that are no padding.

        Returns:
            (batch, frames, num_symbols)
        """
        packed = nn.utils.rnn.pack_padded_sequence(
            self.projection(features), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        hidden, _ = nn.utils.rnn.pad_packed_sequence(
            self.blstm(packed)[0], batch_first=True, total_length=features.shape[1]
        )
        logits: Tensor = self.output(self.dropout(hidden))
        return logits


class SuperbAsr(Transcriber):
    """Only the sum of the layers and the head learn; the model under them stays as it is."""

    def __init__(
        self,
        lr: float = 1e-4,
        head_size: int = 1024,
        head_dropout: float = 0.2,
        spec_augment: bool = True,
        **settings: Any,
    ) -> None:
        """Build the model.

        Args:
            lr: Learning rate of Adam, constant.
            head_size: Of the projection, and of each direction of the BLSTM.
            head_dropout: After each layer of the BLSTM, from 0 to 1.
            spec_augment: Whether features are warped and masked in training.
            settings: Those of Transcriber.

        Raises:
            ModelError: A setting is wrong.
        """
        super().__init__(**settings)
        if head_size < 1:
            raise ModelError(f"`head_size` must be at least 1, got {head_size}")
        if not 0 <= head_dropout <= 1:
            raise ModelError(f"`head_dropout` must be from 0 to 1, got {head_dropout}")
        self.upstream = build_speech_model("encoder", self.settings, layerdrop=0.0).eval()
        self.upstream.requires_grad_(False)
        config = self.upstream.config
        validate_summing(config)
        self.mix = LayerMix(config.num_hidden_layers + 1)
        self.head_is_random = True
        self.head = BlstmHead(config.hidden_size, head_size, len(self.alphabet), head_dropout)

    def train(self, mode: bool = True) -> "SuperbAsr":
        """Put the head into training mode; the frozen model has neither dropout nor masks."""
        super().train(mode)
        self.upstream.eval()
        return self

    def backbone(self) -> Any:
        """Return the frozen model."""
        return self.upstream

    def frame_logits(self, batch: dict[str, Tensor]) -> Tensor:
        """Return the logits of a batch, (batch, frames, symbols), of features perhaps augmented."""
        with torch.no_grad():
            states = self.upstream(
                batch["input_values"],
                attention_mask=batch.get("attention_mask"),
                output_hidden_states=True,
            ).hidden_states
        features, lengths = self.mix(states), frame_lengths(self.upstream, batch)
        if self.training and self.hparams["spec_augment"]:
            features = augment_features(features, lengths)
        logits: Tensor = self.head(features, lengths)
        return logits

    def losses(self, batch: dict[str, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the loss of every utterance by its letters, (batch,), and the logits with lengths.

        Source: s3prl's recipe, which divides every utterance by the number of its letters.
        """
        losses, output = super().losses(batch)
        return losses / (batch["labels"] > 0).sum(-1).clamp(min=1), output

    def recording_logits(self, waveform: Tensor) -> Tensor:
        """Return the logits of one recording (samples,), (frames, symbols)."""
        features = summed_states(self.upstream, self.mix.weights(), waveform)
        lengths = torch.tensor([len(features)])
        logits: Tensor = self.head(features[None], lengths)[0]
        return logits

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Build Adam at a constant rate."""
        parameters = [p for p in self.parameters() if p.requires_grad]
        return torch.optim.Adam(parameters, lr=self.hparams["lr"])
