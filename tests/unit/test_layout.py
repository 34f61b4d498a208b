"""The layout keeps its promises: nobody else's package has one of our names, every test module says what it is."""

import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PACKAGES = {path.parent.name for path in ROOT.glob("*/__init__.py")}
TEST_MODULES = sorted(path.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py"))
FORBIDDEN = {"utils", "helpers", "common", "core"}
MODULES = sorted(path.relative_to(ROOT) for name in PACKAGES for path in (ROOT / name).rglob("*.py"))


def test_every_package_is_listed_for_the_wheel():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sorted(listed) == sorted(PACKAGES)


@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_no_locked_distribution_brings_a_package_of_our_name(name):
    assert set(packages_distributions().get(name, [])) <= {"fairdial"}


@pytest.mark.parametrize("module", TEST_MODULES, ids=str)
def test_every_test_module_has_a_category(module):
    assert re.search(r"^pytestmark = ", (ROOT / module).read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_module_says_what_it_is_for(module):
    assert (ROOT / module).read_text(encoding="utf-8").startswith('"""')


def test_no_module_is_a_box_for_everything():
    assert not {module for module in MODULES if FORBIDDEN & set(module.with_suffix("").parts)}
