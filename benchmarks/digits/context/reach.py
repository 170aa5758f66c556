"""How far an encoder can see: from which frames anything can reach one frame of its output."""

from dataclasses import dataclass

KERNEL = 128  # frames of the positional convolution of HuBERT


@dataclass(frozen=True)
class Reach:
    """The farthest frames that one frame of the output depends on."""

    before: int
    after: int


def reach_of(attention_window: int | None, num_layers: int, kernel: int = KERNEL) -> Reach | None:
    """Return the reach of an encoder, counted in frames at its input; None if it sees them all.

    Every layer passes things on by half a window, and the positional convolution before the first
    one by half its kernel; an even one looks a frame less ahead. The first convolution normalises
    by the mean and variance of a whole recording, and two frames share 5 ms of sound: neither is
    counted.

    Args:
        attention_window: Frames, half of them on either side; None is full attention.
        num_layers: Of the encoder, all with this window.
        kernel: Frames of the positional convolution.
    """
    if attention_window is None:
        return None
    passed_on = num_layers * (attention_window // 2)
    return Reach(passed_on + kernel // 2, passed_on + (kernel - 1) // 2)
