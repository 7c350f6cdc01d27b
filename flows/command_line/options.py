"""The flow's parameters as command-line options: names, defaults and bounds of the parameters, words of the flow."""

import argparse
import ast
import os
import re
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import ValidationError

from flows.parameters import GROUPS, RunParameters
from tasks.core.errors import UnusableArgument

FLOW_FILE = Path(__file__).parents[1] / "flood_extent.py"
NOT_SHOWN = frozenset({"endpoint_url"})  # it may hold a password
OF_PLACES = frozenset({"exposure"})  # whose names may hold blanks and commas
WRONG_FORM = "string_pattern_mismatch"
NOT_UNICODE = "string_unicode"  # how pydantic calls an argument whose bytes are not UTF-8
ALIASES = {"output_directory": ["--output"], "only_failed_of": ["--only-failed"]}
# In a message; the dataset is no option.
PARAMETER = re.compile(rf"`({'|'.join(name for name in RunParameters.model_fields if name != 'dataset')})`")
# What pydantic says of a value, by the type of the problem, where that asks for a word of a programmer's.
PLAIN = {
    "bool_parsing": "give true or false",
    "float_parsing": "give a number",
    "int_from_float": "give a whole number",
    "int_parsing": "give a whole number",
    "string_too_short": "give a value",
    "too_short": "give at least one",
}

# Of a text of another form.
FORMS = {"event_countries": "give countries as ISO 3166-1 alpha-3, such as AUS"}
INSTANCE_FORM = "give the name of a SageMaker instance type, such as ml.c5.xlarge"


def descriptions() -> dict[str, str]:
    """What each parameter means, as the flow's docstring says; read as text, for importing Prefect takes seconds."""
    module = ast.parse(FLOW_FILE.read_text(encoding="utf-8"))
    functions = (node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == "flood_extent")
    lines = (ast.get_docstring(next(functions)) or "").partition("Args:\n")[2].splitlines()
    pairs = (line.strip().partition(": ") for line in lines if line.startswith("    "))
    return {name: text for name, _, text in pairs}


def add_options(parser: argparse.ArgumentParser, *, leave_out: frozenset[str] = frozenset()) -> None:
    """Add the dataset, and an option for every other parameter; values stay text, for pydantic converts them."""
    about = descriptions()
    titles = {name: title for title, names in GROUPS.items() for name in names}
    groups = {title: parser.add_argument_group(title) for title in GROUPS}
    for name, field in RunParameters.model_fields.items():
        if name in leave_out:
            continue
        how: dict[str, Any] = {"help": about[name].replace("%", "%%"), "default": argparse.SUPPRESS}
        if field.is_required():
            parser.add_argument(name, metavar=name.upper(), **how)
            continue
        if field.default is not None:
            default = field.default if isinstance(field.default, list) else [field.default]
            how["help"] += f" (default: {' '.join(map(str, default))})"
        if field.annotation is bool:
            how["action"] = argparse.BooleanOptionalAction
        elif _is_list(field.annotation):
            how["nargs"] = "+"
        groups[titles[name]].add_argument(*_flags(name), **how)


def _is_list(annotation: Any) -> bool:
    """Whether a value is a list, or may be: of ``Annotated`` the first part counts."""
    return get_origin(annotation) is list or any(map(_is_list, get_args(annotation)))


def _flags(name: str) -> list[str]:
    return [f"--{name.replace('_', '-')}", *ALIASES.get(name, [])]


def as_options(text: str) -> str:
    """A message as the command line shows it: parameters, which stand between backticks, are options there."""
    return PARAMETER.sub(lambda found: option(found[1]), text)


def option(name: str) -> str:
    """How a parameter is given on the command line, in short where there is a short form."""
    return _flags(name)[-1]


def parameters_of(arguments: argparse.Namespace) -> RunParameters:
    """The parameters that were given, checked.

    Raises:
        UnusableArgument: A value is out of bounds; the message names the option.
    """
    given = {name: value for name, value in vars(arguments).items() if name in RunParameters.model_fields}
    words = {name: _parts(value) for name, value in given.items() if isinstance(value, list) and name not in OF_PLACES}
    try:
        return RunParameters(**given | words)
    except ValidationError as error:
        raise UnusableArgument("\n".join(_explained(problem) for problem in error.errors())) from error


def _parts(given: list[str]) -> list[str]:
    """A list as people spell it: with spaces, commas or brackets."""
    return re.findall(r"[^\s,\[\]]+", " ".join(given))


def _explained(problem: Any) -> str:
    reason = PLAIN.get(problem["type"], problem["msg"].removeprefix("Value error, ").removeprefix("Input "))
    if not problem["loc"]:
        return as_options(reason)
    name = str(problem["loc"][0])
    if problem["type"] == WRONG_FORM:
        reason = FORMS.get(name, INSTANCE_FORM)
    given = name if name == "dataset" else option(name)
    if problem["type"] == NOT_UNICODE:
        readable = os.fsencode(problem["input"]).decode(errors="backslashreplace")
        return f"{given}: the name {readable} is not UTF-8. Rename it"
    return f"{given}: {reason}" if name in NOT_SHOWN else f"{given}: {reason}, not {problem['input']!r}"
