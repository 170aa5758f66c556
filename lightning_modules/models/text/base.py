"""What the text variants share: masked language models."""

from typing import Any, ClassVar

from torch import Tensor

from lightning_modules.attention.interface import choose_kernel
from lightning_modules.checkpoints.pretrained import grow_positions, load_pretrained, read_config
from lightning_modules.errors import ModelError
from lightning_modules.models.base import VariantModule
from lightning_modules.models.settings import dropout_fields
from lightning_modules.variants import validate_count

# The same function as `gelu_new`, with which two of these models are published. The library
# computes that one in seven steps, whose cost would decide a comparison of attentions.
GELU_NEW, FUSED_GELU_NEW = "gelu_new", "gelu_pytorch_tanh"


class TextModule(VariantModule):
    """A masked language model; logits are (batch, tokens, num_classes)."""

    modality = "text"
    model_class: ClassVar[Any]
    config_class: ClassVar[Any]
    published_max_length: ClassVar[int] = 512
    position_table: ClassVar[str | None] = "bert.embeddings.position_embeddings.weight"
    dropouts: ClassVar[tuple[str, ...]] = ("hidden_dropout_prob", "attention_probs_dropout_prob")
    unused_weights: ClassVar[tuple[str, ...]] = ()
    # Fields that decide what is computed, and that no row names: a checkpoint must have the same.
    shared_fields: ClassVar[dict[str, Any]] = {}

    def __init__(self, num_classes: int = 30522, pad_token_id: int = 0, **settings: Any) -> None:
        """Build the model.

        Args:
            num_classes: Number of token ids; a checkpoint has its own.
            pad_token_id: Token that fills up short texts, below `num_classes`; a checkpoint has its
                own.
            settings: Those of VariantModule.

        Raises:
            ModelError: The variant does not take one of the settings.
        """
        super().__init__(**settings)
        validate_count("num_classes", num_classes)
        self.num_classes = num_classes
        self.pad_token_id = pad_token_id
        longest = self.settings.max_length
        self.max_length = self.published_max_length if longest is None else longest
        self.model = self._build_model()
        self.num_classes = self.model.config.vocab_size
        self.pad_token_id = self.model.config.pad_token_id
        self._prepare_model()

    @property
    def longest_input(self) -> int:
        """Tokens for whose positions there is room."""
        return self.max_length

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
        if attention_mask is not None:
            attention_mask = attention_mask.ne(0).long()  # a 2 would be global to Longformer
        return self._logits(input_ids, attention_mask)

    def expected_output_shape(self, length: int, batch_size: int) -> tuple[int, ...]:
        """Give the shape of the logits of `batch_size` texts of `length` tokens."""
        return (batch_size, length, self.num_classes)

    def _logits(self, input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        logits: Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits

    def _build_model(self) -> Any:
        fields = dropout_fields(self.settings.dropout, *self.dropouts)
        fields |= self._config_fields()
        if self.settings.checkpoint is not None:
            return self._load(fields)
        if not 0 <= self.pad_token_id < self.num_classes:
            raise ModelError(
                f"`pad_token_id` must be at least 0 and below `num_classes`, {self.num_classes}, "
                f"got {self.pad_token_id}"
            )
        config = self.config_class(
            vocab_size=self.num_classes,
            pad_token_id=self.pad_token_id,
            max_position_embeddings=self._position_field(self.max_length, self.pad_token_id),
            **self.sizes()[self.settings.size],
            **self._random_fields(),
            **fields,
        )
        return self.model_class(config)

    def _load(self, fields: dict[str, Any]) -> Any:
        checkpoint = self.settings.checkpoint
        assert checkpoint is not None
        fields = fields | self._fields_for(checkpoint)
        model = load_pretrained(self.model_class, checkpoint, fields, self.unused_weights)
        pad_token_id = model.config.pad_token_id
        if self.settings.max_length is None:
            self.max_length = self._longest_of(model)
        rows = self._position_field(self.max_length, pad_token_id)
        if self.position_table is None:
            model.config.max_position_embeddings = max(rows, model.config.max_position_embeddings)
            return model
        first = self._first_position(pad_token_id)
        return grow_positions(model, rows, self.position_table, first)

    def _fields_for(self, checkpoint: str) -> dict[str, Any]:
        """Return what stands for fields of a checkpoint and computes the same; refuse other ones.

        Raises:
            ModelError: It has been trained with another value of `shared_fields`.
        """
        stored = read_config(checkpoint)
        for name, expected in self.shared_fields.items():
            got = getattr(stored, name, expected)
            if got != expected:
                raise ModelError(
                    f"`checkpoint` must have a `{name}` of {expected} for {self.variant}, "
                    f"got {got} in {checkpoint!r}"
                )
        is_slow = getattr(stored, "hidden_act", None) == GELU_NEW
        return {"hidden_act": FUSED_GELU_NEW} if is_slow else {}

    def _longest_of(self, model: Any) -> int:
        """Return for how many tokens a loaded model has positions.

        Those that only padding takes need not be learned: where they are missing, they are added.
        """
        if self.position_table is None:
            return int(model.config.max_position_embeddings)
        rows = model.state_dict()[self.position_table].shape[0]
        return int(rows - self._first_position(model.config.pad_token_id))

    def _prepare_model(self) -> None:
        """Choose the attention kernel of the model just built."""
        choose_kernel(self.model, self.implementation)

    def _config_fields(self) -> dict[str, Any]:
        """Fields of the configuration that this variant fixes."""
        return {}

    def _random_fields(self) -> dict[str, Any]:
        """Fields of the configuration that a checkpoint has of its own."""
        return {}

    def _position_field(self, max_length: int, pad_token_id: int) -> int:
        """Value of `max_position_embeddings` that makes room for `max_length` tokens."""
        return max_length

    def _first_position(self, pad_token_id: int) -> int:
        """Row of the position table that the first token takes."""
        return 0
