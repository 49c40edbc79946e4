"""`import fsm` costs next to nothing, and every public name is there when it is asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

import fsm

HEAVY = ("pydantic", "pydantic_core", "statemachine", "graphviz", "graphviz_pure", "msgspec", "click", "rich", "yaml")


def _output(script: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_the_package_imports_no_library() -> None:
    loaded = _output(f"import sys, fsm; print([name for name in {HEAVY!r} if name in sys.modules])")
    assert loaded == "[]"


def test_importing_the_package_imports_nothing_of_it_but_itself() -> None:
    assert _output("import sys, fsm; print(sorted(n for n in sys.modules if n.startswith('fsm')))") == "['fsm']"


def test_a_machine_can_be_read_without_its_tools() -> None:
    """The kernel and the machines need no renderer and no command line."""
    heavy = ("graphviz", "graphviz_pure", "click", "rich", "yaml")
    script = f"import sys, fsm; fsm.MACHINES; print([name for name in {heavy!r} if name in sys.modules])"
    assert _output(script) == "[]"


def test_the_kernel_knows_no_pydantic_and_no_word_about_backups() -> None:
    script = "import sys, fsm.kernel; print(sorted(n for n in sys.modules if n.startswith(('pydantic', 'fsm.m'))))"
    assert _output(script) == "[]"


def test_the_model_and_the_rules_know_no_python_statemachine() -> None:
    assert _output("import sys, fsm.rules; print('statemachine' in sys.modules)") == "False"


@pytest.mark.parametrize("name", fsm.__all__)
def test_a_public_name_resolves_to_the_thing_in_its_home(name: str) -> None:
    thing = getattr(fsm, name)
    assert thing is getattr(import_module(fsm._HOME_OF[name]), name)
    assert name in dir(fsm)


def test_the_public_names_are_the_ones_that_are_bound() -> None:
    assert set(fsm.__all__) == set(fsm._HOME_OF)
    assert fsm.__all__ == sorted(fsm.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name))


def test_an_unknown_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="module 'fsm' has no attribute 'nonsense'"):
        fsm.nonsense  # noqa: B018


@pytest.mark.parametrize(
    "package",
    ["fsm.kernel", "fsm.model", "fsm.rules", "fsm.machines"],
)
def test_every_exported_name_of_a_package_is_there(package: str) -> None:
    module = import_module(package)
    assert module.__all__ == sorted(module.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    for name in module.__all__:
        assert getattr(module, name) is not None
