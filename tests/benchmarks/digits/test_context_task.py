"""The task of needed context: how far a window reaches, and what is labelled and scored."""

import numpy as np
import pytest
import torch
import yaml

from benchmarks.digits.configurations import CONFIGS
from benchmarks.digits.context.answers import distances, find_missed
from benchmarks.digits.context.labels import label_frames
from benchmarks.digits.context.reach import KERNEL, reach_of
from benchmarks.digits.context.stages import NUM_LAYERS
from tests.samples.recordings.speech import NO_DROPOUT, TINY


@pytest.mark.parametrize(("window", "layers", "kernel"), [(4, 3, 16), (6, 2, 9)])
def test_nothing_beyond_the_reach_moves_a_frame_and_its_last_frame_does(window, layers, kernel):
    from lightning_modules.lhubert import LHubertConfig, LHubertModel

    torch.manual_seed(0)
    fields = TINY | NO_DROPOUT | {"num_hidden_layers": layers, "num_conv_pos_embeddings": kernel}
    model = LHubertModel(LHubertConfig(**fields, attention_window=window)).eval()
    hidden = torch.randn(1, 61, 24, requires_grad=True)
    frame = model.encoder(hidden).last_hidden_state[0, 30]
    (gradient,) = torch.autograd.grad(frame @ torch.randn(24), hidden)
    (seen,) = np.nonzero(gradient[0].abs().sum(-1).numpy())
    reach = reach_of(window, layers, kernel)
    assert reach is not None
    assert (30 - seen[0], seen[-1] - 30) == (reach.before, reach.after)


def test_full_attention_reaches_everything():
    assert reach_of(None, NUM_LAYERS) is None


def test_the_reach_is_that_of_the_model_that_is_trained():
    from transformers import HubertConfig

    for name in ("digits_ctc", "digits_pretrain"):
        config = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
        fields = config["model"]["init_args"]["model_fields"]
        assert fields["num_hidden_layers"] == NUM_LAYERS
        assert "num_conv_pos_embeddings" not in fields
    assert HubertConfig().num_conv_pos_embeddings == KERNEL


def test_missed_answers_are_told_from_missed_words():
    parts = [{"start": 0, "samples": 640}, {"start": 1_600, "samples": 640}]
    votes = [3, 3, 13, 14, 13, 6, 7, 14, 14, 13]  # of frames; silence would be told by its answer
    logits = 4.0 * torch.eye(20)[votes]
    assert find_missed(logits, parts, [3, 5]) == ([0, 1], [0, 1])
    logits[5:7, 5] = 3.0  # both frames take the right word for likely, but for different ones first
    assert find_missed(logits, parts, [3, 5]) == ([0, 0], [0, 1])


def test_a_distance_is_from_the_end_of_the_first_word_to_the_question():
    parts = [{"start": 100, "samples": 6_400}, {"start": 9_600, "samples": 100}]
    parts.append({"start": 6_500 + 320 * 77, "samples": 330})
    assert distances(parts) == [0, 10, 78]


def test_every_frame_is_labelled_with_the_word_that_is_said_or_the_answer():
    parts = [{"start": 0, "samples": 960}, {"start": 1_920, "samples": 640}]
    labels = label_frames(parts, [7, 2], 10)
    assert labels.tolist() == [7, 7, 7, 17, 17, 17, 2, 2, 17, 17]
