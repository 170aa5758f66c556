"""Somebody's module around a small encoder, its batches, and what breaks its steps down."""

import lightning
import torch
from transformers import RobertaConfig, RobertaForMaskedLM

from profiling.callback import ProfilingCallback


class Encoder(lightning.LightningModule):
    """Somebody's module around an encoder of the library, with a loss of its own."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        config = RobertaConfig(
            vocab_size=40, hidden_size=24, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=32, max_position_embeddings=64,
        )  # fmt: skip
        self.encoder = RobertaForMaskedLM(config)

    def loss(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return a loss without labels."""
        output = self.encoder(batch["input_ids"], attention_mask=batch.get("attention_mask"))
        return output.logits.square().mean()

    def training_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        return self.loss(batch)

    def predict_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        return self.loss(batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def texts(
    count: int, length: int = 17, padding: int = 0, batch_size: int = 2
) -> list[dict[str, torch.Tensor]]:
    """Return one batch so many times, with padding at the end of its texts."""
    generator = torch.Generator().manual_seed(length)
    ids = torch.randint(5, 40, (batch_size, length), generator=generator)
    mask = torch.ones_like(ids)
    mask[:, length - padding :] = 0
    return [{"input_ids": ids, "attention_mask": mask}] * count


def breaking(every_n_steps: int = 1, output: str | None = None) -> ProfilingCallback:
    """Return a callback that breaks every second step that it measures down."""
    return ProfilingCallback(every_n_steps, 0, output=output, breakdown=True)
