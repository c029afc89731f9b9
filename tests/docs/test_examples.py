"""What README and docs show can be used as it stands: configs, commands, templates, code."""

from __future__ import annotations

import argparse
import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import NoReturn

import pytest
from jinja2 import Environment

from reporter.cli.commands import COMMANDS
from reporter.config.loading import look_through
from tests.docs.blocks import Block, blocks, pages

# A part of a config refers to what stands elsewhere in it.
ELSEWHERE = re.compile(r"there is no (channel|ledger)|no channel is named|the environment has no variable")
OTHER_FILES = {"floor/compose.yaml", "config/mine.yaml"}  # a compose file; a mapping, which tests of the ledger read


class WrongError(Exception):
    pass


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise WrongError(message)


PARSERS: dict[str, Parser] = {command.name: Parser(prog=command.name, add_help=False) for command in COMMANDS}
for declared in COMMANDS:
    declared.arguments(PARSERS[declared.name])


def options_of(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from options_of(below)


def commands_in(block: Block) -> Iterator[list[str]]:
    """The words of each call of reporter in a shell block."""
    for line in block.text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;>")
        lexer.whitespace_split = True
        for operator, words in groupby(lexer, lambda word: set(word) <= set("|&;>")):
            command = list(words)
            if not operator and Path(command[0]).name == "reporter":
                yield command[1:]


def parsed(words: list[str]) -> None:
    """Raises WrongError where the command line would refuse them."""
    if words[:1] == ["--home"]:
        words = words[2:]
    if words and words[0] != "--version":
        if words[0] not in PARSERS:
            raise WrongError(f"there is no command {words[0]}")
        PARSERS[words[0]].parse_args(words[1:])


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_each_config_is_valid(block: Block, tmp_path: Path) -> None:
    if block.file in OTHER_FILES:
        return
    config = tmp_path / "config" / "reporter.yaml"
    config.parent.mkdir()
    config.write_text(block.text)
    config.chmod(0o600)
    problems = [str(problem) for problem in look_through(config, {}, ()).problems]
    assert not [problem for problem in problems if not ELSEWHERE.search(problem)]


@pytest.mark.parametrize("block", blocks("sh"), ids=str)
def test_each_command_is_understood(block: Block) -> None:
    for words in commands_in(block):
        parsed(words)


def test_each_command_in_a_sentence_exists() -> None:
    wrong = []
    for page in pages():
        for shown in re.findall(r"(?<!`)`reporter ([^`]+)`(?!`)", page.read_text("utf-8")):
            words = re.sub(r"^--home \S+ ", "", shown).replace("\\|", " ").replace("[", " ").replace("]", " ").split()
            name, known = words[0], {"--home", "--version", "--help"}
            if name.isupper() or name.startswith("-"):
                continue
            if name in PARSERS:
                known |= set(options_of(PARSERS[name]))
            unknown = [word for word in words if word.startswith("--") and word not in known]
            if name not in PARSERS or unknown:
                wrong.append(f"{page.name}: reporter {shown}: {unknown or name}")
    assert not wrong


def test_a_command_that_does_not_exist_is_found() -> None:
    with pytest.raises(WrongError, match="no command"):
        parsed(["chekc"])
    with pytest.raises(WrongError, match="unrecognized"):
        parsed(["--home", "x", "runs", "--colour"])


@pytest.mark.parametrize("block", blocks("jinja"), ids=str)
def test_each_template_can_be_read(block: Block) -> None:
    Environment(autoescape=False).parse(block.text)


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_each_word_that_code_imports_exists(block: Block) -> None:
    text = block.text + "def f(): ..." * block.text.startswith("@")  # a decorator alone
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("reporter"):
            module = importlib.import_module(node.module)
            assert all(hasattr(module, name.name) for name in node.names)
