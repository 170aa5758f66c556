"""How modules of transformers call their attention kernel, read from the text of their forward.

What a module hands to its kernel is otherwise known only when it runs.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable
from functools import cache
from typing import Any

# The name by which the models of transformers import the table of kernels.
INTERFACE = "ALL_ATTENTION_FUNCTIONS"


def asks_for_kernel(forward: Callable[..., Any]) -> bool:
    """Return whether a forward takes its kernel from transformers' attention interface."""
    code = getattr(inspect.unwrap(forward), "__code__", None)
    return code is not None and INTERFACE in code.co_names


@cache
def arguments_of_kernel(forward: Callable[..., Any]) -> frozenset[str]:
    """Name the keyword arguments, other than None, with which a forward calls its kernel."""
    source = inspect.getsource(inspect.unwrap(forward))
    nodes = list(ast.walk(ast.parse(textwrap.dedent(source))))
    kernels = _names_of_kernels(nodes)
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    return frozenset(
        keyword.arg
        for call in calls
        for keyword in call.keywords
        if _names_in(call.func) & kernels and keyword.arg and not _is_none(keyword.value)
    )


def _names_of_kernels(nodes: list[ast.AST]) -> set[str]:
    """Return the interface itself, and every variable that is assigned something of it."""
    names = {INTERFACE}
    for node in nodes:
        if isinstance(node, ast.AnnAssign | ast.Assign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else (node.target,)
            if INTERFACE in _names_in(node.value):
                names |= {name for target in targets for name in _names_in(target)}
    return names


def _names_in(node: ast.expr) -> set[str]:
    return {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
