"""From a modality's axis to the size of its raw input and back.

Source: the convolutional front end of HuBERT Base, strides 5*2^6 and receptive field 400.
"""

from datamodules.errors import validate_minimum

SAMPLE_RATE_HZ = 16_000
FRAME_SAMPLES = 400  # one frame sees 25 ms ...
HOP_SAMPLES = 320  # ... and the next one starts 20 ms later
PATCH_SIDE = 16  # of ViT, in whose patches the tokens of images are counted
SIDE_MULTIPLE = 32  # Swin halves a side of patches of 4 pixels three times


def samples_for_frames(frames: int) -> int:
    """Return the fewest audio samples at 16 kHz that give exactly `frames` speech frames."""
    validate_minimum("frames", frames, 1)
    return FRAME_SAMPLES + HOP_SAMPLES * (frames - 1)


def samples_for_seconds(seconds: float) -> int:
    """Return the audio samples at 16 kHz that come nearest to a time in seconds."""
    # Rounded, because no float is 1.005: its product with the rate is a little below 16,080.
    return round(seconds * SAMPLE_RATE_HZ)


def frames_for_samples(samples: int) -> int:
    """Return the speech frames that audio samples at 16 kHz give; 0 when too few for one."""
    return max(0, (samples - FRAME_SAMPLES) // HOP_SAMPLES + 1)


def round_up_side(pixels: int, multiple: int = SIDE_MULTIPLE) -> int:
    """Return the smallest multiple of `multiple` that is not below `pixels`."""
    validate_minimum("pixels", pixels, 1)
    return -(-pixels // multiple) * multiple
