"""Where a test runs: here, and on a GPU where there is one."""

import pytest

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]

# Tokens and windows of inputs that a GPU takes at once, and of one that it cuts into blocks even
# where a batch has only so many heads.
IN_BLOCKS = (4160, 100)
PIECES, HEADS_OF_PIECES = [(615, 100), (2000, 512), (3000, 1024), IN_BLOCKS], 3
