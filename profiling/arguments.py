"""A command line whose errors are one sentence; shared by `profile.py` and `train.py`."""

import inspect
import re
import sys
from collections.abc import Iterable
from functools import cache
from typing import Any, NoReturn

import yaml

from datamodules.libraries import needed
from datamodules.nesting import guarded

with needed("jsonargparse", "a command line"):
    from jsonargparse import ArgumentParser, get_loader, set_loader

VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)  # * and **


@cache  # once: a guard around a guard would look twice
def refuse_deep_yaml() -> None:
    """Let files of settings that are nested too deeply be refused as those that are no YAML are."""
    set_loader("yaml", guarded(get_loader("yaml")), (yaml.YAMLError,))


def one_sentence(message: str, known: Iterable[str] = (), verbs: Iterable[str] = ()) -> str:
    """Rewrite a message of jsonargparse: the setting in backticks, expected, got, choices.

    Args:
        message: Of the parser.
        known: Names that a misspelt setting is answered with.
        verbs: Names that a missing command is answered with.
    """
    text = " ".join(message.split())
    if re.search(r"^(argument|expected) \"?\w*command", text):
        return _of_verb(text, verbs)
    choices = ", ".join(sorted(set(known)))
    listed = f"; choose one of: {choices}" if choices else ""
    if found := re.search(r"Problem with given class_path '([^']+)': (.*)", text):
        reason = re.split(r" - [Ee]xpected | Given value type:", found[2])[0]
        return reason if reason.startswith("`") else _of_class(found[1], reason)
    if found := re.search(r"Option '([^']+)' is not accepted", text):
        return f"`{found[1]}` is not a setting{listed}"
    if found := re.match(r"unrecognized arguments: -*(\S+)", text, re.IGNORECASE):
        return f"`{found[1].split('=')[0]}` is not a setting{listed}"
    if found := re.match(r"the following arguments are required: (.+)", text):
        return f"`{found[1].rsplit('.', 1)[-1]}` must be given"
    return _of_value(text)


def _of_value(text: str) -> str:
    if found := re.match(r"Problems parsing config: (.+)", text):
        return f"`config` must be a file of YAML: {found[1]}"
    if found := re.search(r'Parser key "([^"]+)".* Expected a dot import path string: (\S+)', text):
        return f"`{found[1]}` must be the path of a class, as in module.Class, got {found[2]!r}"
    if found := re.search(r'Parser key "([^"]+)":? ?(.*)', text):
        return f"`{found[1]}`: {_plain_expectation(found[2])}"
    return text


def _of_verb(text: str, verbs: Iterable[str]) -> str:
    listed = f"choose one of: {', '.join(sorted(verbs))}"
    found = re.search(r"invalid choice: (\S+) \(choose", text)
    return f"`command` {f'has no {found[1]}' if found else 'must be given'}; {listed}"


def _of_class(class_path: str, reason: str) -> str:
    inner = one_sentence(reason, _settings_of(class_path))
    return inner if inner != reason else f"`class_path` {class_path}: {reason}"


def _settings_of(class_path: str) -> list[str]:
    """Return the names that a class takes, also through `**kwargs`; it is imported already."""
    module, _, name = class_path.rpartition(".")
    found = getattr(sys.modules.get(module), name, None)
    if found is None:
        return []
    added = ArgumentParser().add_class_arguments(found, "settings", fail_untyped=False)
    return [path.removeprefix("settings.") for path in added]


def settings_of(found: type) -> set[str]:
    """Return the names that a class takes, those it hands on to its bases as `**` included."""
    names: set[str] = set()
    for base in found.__mro__:
        parameters = inspect.signature(base).parameters.values()
        kinds = {each.kind for each in parameters}
        names |= {each.name for each in parameters if each.kind not in VARIABLE}
        if inspect.Parameter.VAR_KEYWORD not in kinds:
            break
    return names


def _plain_expectation(text: str) -> str:
    text = re.sub(
        r"^Does not validate against any of the Union subtypes.*?Errors?: ?-? ?", "", text
    )
    text = re.sub(r"typing\.Literal\[([^\]]+)\]", r"one of: \1", text)
    text = re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", text)
    text = re.sub(r"Expected an? ", "expected ", text)
    text = re.sub(r" - expected NoneType", " or null", text)
    return re.sub(r"\.? (?:Given value type: \S+ Given|Got) value: (.*)$", r", got \1", text)


class OneSentenceParser(ArgumentParser):
    """`jsonargparse.ArgumentParser` that answers a mistake in one sentence, exit status 2."""

    known_settings: tuple[str, ...] = ()
    known_classes: tuple[str, ...] = ()
    known_verbs: tuple[str, ...] = ()

    def error(self, message: str, ex: Any = None) -> NoReturn:
        """Print one sentence to stderr and exit with status 2."""
        sentence = one_sentence(message, self.known_settings, self.known_verbs)
        if "must be the path of a class" in sentence and self.known_classes:
            sentence += f"; choose one of: {', '.join(self.known_classes)}"
        print(f"error: {sentence}", file=sys.stderr)
        sys.exit(2)
