"""Features of recordings of any length, for `python train.py predict`."""

import lightning
from torch import Tensor

from lightning_modules.lhubert.building import SpeechModelSettings, build_speech_model, cut_layers
from lightning_modules.speech.utterance_module import real_waveforms
from lightning_modules.speech.whole_recordings import last_states


class FeatureExtractor(lightning.LightningModule):
    """The hidden states of one layer of HuBERT or L-HuBERT.

    L-HuBERT takes a recording of an hour in one pass, whose memory grows with its length only.
    """

    modality = "speech"

    def __init__(
        self,
        checkpoint: str,
        variant: str = "lhubert",
        attention_window: int | list[int] | None = None,
        implementation: str | None = None,
        layer: int | None = None,
    ) -> None:
        """Load the model.

        Args:
            checkpoint: Folder or hub name of a HuBERT or L-HuBERT.
            variant: "hubert" or "lhubert".
            attention_window: Total width in frames, even; None = the checkpoint's, or 100.
            implementation: Attention kernel; None = the variant's default.
            layer: From 1 to the number of layers; None = the last one.

        Raises:
            ModelError: A setting is wrong or the checkpoint does not load.
        """
        super().__init__()
        settings = SpeechModelSettings(
            variant, "base", attention_window, implementation, checkpoint
        )
        self.model = build_speech_model("encoder", settings, layerdrop=0.0).eval()
        if layer is not None:
            cut_layers(self.model, layer)

    def predict_step(self, batch: dict[str, Tensor], batch_idx: int) -> list[Tensor]:
        """Return (frames, hidden) for every recording of the batch."""
        if not batch:
            return []
        return [last_states(self.model, waveform) for waveform in real_waveforms(batch)]
