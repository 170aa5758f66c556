"""A checkpoint that has fewer token ids than the texts that are to be measured on it."""

from dataclasses import replace
from pathlib import Path

import pytest
from transformers import BertConfig, BertForMaskedLM

from lightning_modules.errors import ModelError
from profiling.measuring.steps.building import build_point
from profiling.planning.points import Point
from tests.samples.variants.points import points_of

KNOWN = 50


@pytest.fixture
def point(tmp_path: Path) -> Point:
    """BERT from a checkpoint of 50 token ids, on batches that were stored."""
    config = BertConfig(
        vocab_size=KNOWN,
        num_hidden_layers=1,
        max_position_embeddings=32,
        hidden_size=12,
        num_attention_heads=3,
        intermediate_size=20,
    )
    BertForMaskedLM(config).save_pretrained(tmp_path)
    made = points_of("text", [16], ["bert"])[0]
    return replace(made, checkpoint=str(tmp_path), max_length=16, batches=str(tmp_path))


def test_real_texts_with_more_token_ids_than_the_checkpoint_are_refused_in_one_sentence(
    point: Point,
) -> None:
    with pytest.raises(ModelError, match="an embedding for each of 51 token ids") as refused:
        build_point(replace(point, num_classes=KNOWN + 1))
    assert str(refused.value).startswith(f"`checkpoint` {point.checkpoint} must have")
    assert str(refused.value).endswith(f"got {KNOWN}")


@pytest.mark.parametrize("ids", [KNOWN - 1, KNOWN])
def test_real_texts_whose_token_ids_the_checkpoint_knows_are_measured(
    point: Point, ids: int
) -> None:
    assert build_point(replace(point, num_classes=ids)).num_classes == KNOWN


def test_batches_made_for_the_checkpoint_need_no_more_than_it_has(point: Point) -> None:
    made = replace(point, batches=None, num_classes=KNOWN + 1)
    assert build_point(made).num_classes == KNOWN
