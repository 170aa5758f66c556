"""What the forward of a module hands to its attention kernel, found in its text."""

from typing import Any

from lightning_modules.attention.kernel_calls import arguments_of_kernel, asks_for_kernel

ALL_ATTENTION_FUNCTIONS: dict[str, Any] = {}


class ByVariable:
    def forward(self, x: Any, position_bias: Any = None) -> Any:
        """Mention softcap=3 in a text, which is no call."""
        x = self.rotate(x, s_aux=1)  # another call
        kernel: Any = ALL_ATTENTION_FUNCTIONS["eager"]
        return kernel(self, x, dropout=0.0, position_bias=position_bias, softcap=None)

    def rotate(self, x: Any, s_aux: int) -> Any:
        return x


class Directly:
    def forward(self, x: Any) -> Any:
        return ALL_ATTENTION_FUNCTIONS["eager"](self, x, s_aux=x)


class Without:
    def forward(self, x: Any, kernel: Any) -> Any:
        return kernel(self, x, s_aux=x)


def test_only_the_call_of_the_kernel_counts() -> None:
    assert arguments_of_kernel(ByVariable.forward) == {"dropout", "position_bias"}
    assert arguments_of_kernel(Directly.forward) == {"s_aux"}


def test_a_module_asks_for_a_kernel_where_it_reads_the_interface() -> None:
    assert asks_for_kernel(ByVariable.forward)
    assert not asks_for_kernel(Without.forward)
