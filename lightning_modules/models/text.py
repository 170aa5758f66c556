"""What the text variants share: masked language models."""

from typing import Any, ClassVar

from torch import Tensor

from lightning_modules.checkpoints.pretrained import grow_positions, load_pretrained
from lightning_modules.models.base import (
    ModelSettings,
    VariantModule,
    dropout_fields,
    mean_cross_entropy,
)
from lightning_modules.sizes import ENCODER_SIZES

PAD_TOKEN_ID = 0


class TextModule(VariantModule):
    """A masked language model; logits are (batch, tokens, num_classes)."""

    modality = "text"
    model_class: ClassVar[Any]
    config_class: ClassVar[Any]
    published_max_length: ClassVar[int] = 512
    position_table: ClassVar[str] = "bert.embeddings.position_embeddings.weight"
    unused_weights: ClassVar[tuple[str, ...]] = ()

    def __init__(  # noqa: PLR0913 - LightningCLI reads the settings from this signature
        self,
        size: str = "tiny",
        implementation: str | None = None,
        attention_window: int | None = None,
        max_length: int | None = None,
        dropout: str = "none",
        checkpoint: str | None = None,
        lr: float = 1e-3,
        num_classes: int = 30522,
    ) -> None:
        """Build the model.

        Args:
            size: "base" (as published), "wide", "small" or "tiny"; a checkpoint has its own.
            implementation: Attention kernel; None = the variant's default.
            attention_window: Total width in tokens, even; only for variants that have a window.
            max_length: Longest input in tokens; None = as published, or as the checkpoint has it.
            dropout: "none" or "published".
            checkpoint: Folder or hub name; None = random weights.
            lr: Learning rate of AdamW.
            num_classes: Number of token ids; a checkpoint has its own.
        """
        super().__init__(
            ModelSettings(
                size, implementation, attention_window, max_length, dropout, checkpoint, lr
            )
        )
        self.save_hyperparameters()
        self.num_classes = num_classes
        self.max_length = max_length or self.published_max_length
        self.model = self._build_model()
        self.num_classes = self.model.config.vocab_size
        self._prepare_model()

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any) -> Tensor:
        """Compute the logits.

        Args:
            input_ids: (batch, tokens) int64.
            attention_mask: (batch, tokens), nonzero = real token; None = all are real.

        Returns:
            (batch, tokens, num_classes)
        """
        tokens = input_ids.shape[1]
        if tokens > self.max_length:
            raise ValueError(f"`max_length` must be at least {tokens}, got {self.max_length}")
        return self._logits(input_ids, attention_mask)

    def loss(self, logits: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """Average over the tokens to be predicted; the others carry the label -100."""
        return mean_cross_entropy(logits, batch["labels"])

    def expected_output_shape(self, length: int, batch_size: int) -> tuple[int, ...]:
        """See VariantModule."""
        return (batch_size, length, self.num_classes)

    def _logits(self, input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        logits: Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits

    def _build_model(self) -> Any:
        fields = dropout_fields(
            self.settings.dropout, "hidden_dropout_prob", "attention_probs_dropout_prob"
        )
        fields |= self._config_fields()
        if self.settings.checkpoint is not None:
            return self._load(fields)
        config = self.config_class(
            vocab_size=self.num_classes,
            pad_token_id=PAD_TOKEN_ID,
            max_position_embeddings=self._position_field(self.max_length, PAD_TOKEN_ID),
            **ENCODER_SIZES[self.settings.size].fields,
            **fields,
        )
        return self.model_class(config)

    def _load(self, fields: dict[str, Any]) -> Any:
        assert self.settings.checkpoint is not None
        model = load_pretrained(
            self.model_class, self.settings.checkpoint, fields, self.unused_weights
        )
        pad_token_id = model.config.pad_token_id
        if self.settings.max_length is None:
            unused = self._position_field(64, pad_token_id) - 64
            self.max_length = model.config.max_position_embeddings - unused
        rows = self._position_field(self.max_length, pad_token_id)
        first = self._first_position(pad_token_id)
        return grow_positions(model, rows, self.position_table, first)

    def _prepare_model(self) -> None:
        """Choose the attention kernel of the model just built."""
        self.model.set_attn_implementation(self.implementation)

    def _config_fields(self) -> dict[str, Any]:
        """Fields of the configuration that this variant fixes."""
        return {}

    def _position_field(self, max_length: int, pad_token_id: int) -> int:
        """Value of `max_position_embeddings` that makes room for `max_length` tokens."""
        return max_length

    def _first_position(self, pad_token_id: int) -> int:
        """Row of the position table that the first token takes."""
        return 0


# The same function as `gelu_new`, which two of these models are published with and the library
# computes in seven steps: they would decide what is meant to be a comparison of attentions.
FUSED_GELU_NEW = "gelu_pytorch_tanh"
