"""One recording of any length through HuBERT or L-HuBERT, as if it were alone.

Padding would change the group norm of HuBERT's first layer. Through L-HuBERT memory grows with the
length only.
"""

from typing import Any

from torch import Tensor

from lightning_modules.lhubert import LHubertModel, encode_recording


def last_states(model: Any, waveform: Tensor) -> Tensor:
    """Return the last hidden states of a recording, (frames, hidden).

    Args:
        model: Without a head, in evaluation mode.
        waveform: (samples,) at 16 kHz.
    """
    if isinstance(model, LHubertModel):
        return encode_recording(model, waveform)
    states: Tensor = model(waveform[None]).last_hidden_state[0]
    return states


def summed_states(model: Any, weights: Tensor, waveform: Tensor) -> Tensor:
    """Return a sum of the hidden states of a recording, (frames, hidden).

    Of L-HuBERT only the sum is kept, not each of the states.

    Args:
        model: Without a head, in evaluation mode.
        weights: (layers + 1,), the first one of what goes into the first layer.
        waveform: (samples,) at 16 kHz.
    """
    frames = int(model._get_feat_extract_output_lengths(len(waveform)))
    features = waveform.new_zeros(frames, model.config.hidden_size)

    def add(layer: int, first_frame: int, hidden: Tensor) -> None:
        features[first_frame : first_frame + len(hidden)] += weights[layer] * hidden

    if isinstance(model, LHubertModel):
        encode_recording(model, waveform, add)
    else:
        output = model(waveform[None], output_hidden_states=True)
        for layer, states in enumerate(output.hidden_states):
            add(layer, 0, states[0])
    return features
