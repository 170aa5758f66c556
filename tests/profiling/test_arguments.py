import pytest

from datamodules.lengths import LengthDistribution
from profiling.arguments import one_sentence


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (
            "Parser key \"size\":\n  Expected a typing.Literal['base', 'tiny']. Got value: huge",
            "`size`: expected one of: 'base', 'tiny', got huge",
        ),
        ("Parser key \"n\":\n  Expected a <class 'int'>. Got value: x", "`n`: expected int, got x"),
        (
            'Parser key "budget":\n  Does not validate against any of the Union subtypes\n'
            "  Errors:\n    - Expected a <class 'float'>\n    - Expected a <class 'NoneType'>\n"
            "  Given value type: <class 'str'>\n  Given value: lots",
            "`budget`: expected float or null, got lots",
        ),
        ("the following arguments are required: sweep.modalities", "`modalities` must be given"),
        (
            'expected "command" to be one of {run,tell, ...}, but it was not provided.',
            "`command` must be given; choose one of: run, stop, tell",
        ),
        (
            "argument subcommand: invalid choice: 'rum' (choose from 'run', 'tell', 'stop')",
            "`command` has no 'rum'; choose one of: run, stop, tell",
        ),
        ("unrecognized arguments: --foo x", "`foo` is not a setting; choose one of: bar, size"),
        ("Option 'lenths' is not accepted", "`lenths` is not a setting; choose one of: bar, size"),
        ("the following arguments are required: modalities", "`modalities` must be given"),
        (
            "Parser key \"data\": - Problem with given class_path 'a.B': Option 'sorce' is not "
            "accepted - expected NoneType Given value type: dict",
            "`sorce` is not a setting",
        ),
        (
            "Parser key \"data\": - Problem with given class_path 'a.B': module 'a' has no "
            "attribute 'B' - expected NoneType Given value type: dict",
            "`class_path` a.B: module 'a' has no attribute 'B'",
        ),
        (
            "Problems parsing config: it is nested too deeply",
            "`config` must be a file of YAML: it is nested too deeply",
        ),
        (
            "Parser key \"config\": File does not exist: 'nope.yaml'",
            "`config`: File does not exist: 'nope.yaml'",
        ),
    ],
)
def test_a_parsers_message_becomes_one_sentence(message: str, sentence: str) -> None:
    assert one_sentence(message, ["size", "bar"], ["tell", "run", "stop"]) == sentence


def test_an_unknown_setting_of_a_class_lists_what_the_class_takes() -> None:
    path = f"{LengthDistribution.__module__}.{LengthDistribution.__qualname__}"
    message = f"Problem with given class_path '{path}': Option 'sorce' is not accepted"
    sentence = one_sentence(message, ["bar"])
    assert sentence.startswith(
        "`sorce` is not a setting; choose one of: counts, left_out, modality"
    )


def test_what_is_no_class_path_is_named() -> None:
    message = 'Parser key "data":\n  Errors:\n    - Expected a dot import path string: Foo\n'
    expected = "`data` must be the path of a class, as in module.Class, got 'Foo'"
    assert one_sentence(message) == expected
