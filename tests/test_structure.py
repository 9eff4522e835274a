"""The shape of the package: layers, sizes of files and functions, documentation, types, imports, versions."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import derive

PACKAGE = Path(derive.__file__).parent
ROOT = PACKAGE.parent
TESTS = Path(__file__).parent

# Imports point only upward in this list; a name is a module or a folder of the package, "" the package's face.
LAYERS = (
    {"errors"},
    {"index", "derivation"},
    {"rules"},
    {"normal", "evaluate", "fitting", "points"},
    {"trace"},
    {"assume", "domains", "signatures"},
    {"calculus"},
    {"render", "emit", "sympy_border", "sympy_masks", "data", "losses"},
    {"result", "face", "train", "pictures"},
    {"proving"},
    {"checking"},
    {"theories", "testing"},
    {""},
    {"app", "cli", "__main__", "pytest_plugin"},
)
# An optional package is imported inside a function at these places, so that `import derive` does not need it.
LAZY = {"data/extras.py"}
FILES = sorted(PACKAGE.rglob("*.py"))
EACH_FILE = pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
FORBIDDEN = re.compile(r"TODO|FIXME|XXX|HACK|(?<![\w.])/(?:work|tmp|home|root|Users)/")


def name_of(file: Path) -> str:
    """The dotted name of a module inside of the package, '' for its face."""
    return ".".join(file.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").removesuffix(".")


MODULES = {name_of(file): file for file in FILES}


def imports(tree: ast.AST) -> Iterator[str]:
    """The modules of the package that are imported, by name inside of the package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[2] for alias in node.names if alias.name.split(".")[0] == "derive")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "derive":
            inside = (node.module or "").partition(".")[2]
            for alias in node.names:
                whole = f"{inside}.{alias.name}".lstrip(".")
                yield whole if whole in MODULES else inside


def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


GRAPH = {name: set(imports(parsed(file))) - {name} for name, file in MODULES.items()}


def layer(module: str) -> int:
    top = module.split(".")[0]
    found = [rank for rank, names in enumerate(LAYERS) if top in names]
    assert len(found) == 1, f"{module} has no layer: add it to LAYERS, and say in its docstring what it is for"
    return found[0]


def test_imports_point_only_upward() -> None:
    wrong = [f"{module} imports {other}" for module, others in GRAPH.items() for other in others if layer(other) > layer(module)]
    assert not wrong


def test_there_is_no_cycle() -> None:
    assert len(list(TopologicalSorter(GRAPH).static_order())) == len(MODULES)


def test_the_graph_is_seen() -> None:
    """The check above would pass on an empty graph."""
    assert "errors" in GRAPH["index"] | GRAPH["rules.functions"] and "index" in GRAPH["derivation"] and len(MODULES) > 60


@EACH_FILE
def test_files_are_short(file: Path) -> None:
    assert len(file.read_text("utf-8").splitlines()) <= 300


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def length(node: ast.AST) -> int:
    return (node.end_lineno or 0) - node.lineno + 1


@EACH_FILE
def test_functions_are_short(file: Path) -> None:
    long = [f"{file.name}:{node.lineno} {node.name}: {length(node)} lines" for node in functions(parsed(file)) if length(node) > 40]
    assert not long


def test_the_median_file_and_the_mean_function_are_short() -> None:
    lines = sorted(len(file.read_text("utf-8").splitlines()) for file in FILES)
    lengths = [length(node) for file in FILES for node in functions(parsed(file))]
    assert lines[len(lines) // 2] <= 150 and sum(lengths) / len(lengths) <= 10


def public(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """The public functions and classes, with the public methods and properties of the latter."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            yield node.name, node
            if isinstance(node, ast.ClassDef):
                overridden = {base.id for base in node.bases if isinstance(base, ast.Name)}
                yield from ((f"{node.name}.{part.name}", part) for part in node.body
                            if isinstance(part, ast.FunctionDef) and not part.name.startswith("_") and "NodeVisitor" not in overridden)


@EACH_FILE
def test_public_names_are_documented(file: Path) -> None:
    tree = parsed(file)
    bare = [f"{file.name}:{node.lineno} {name}" for name, node in public(tree)
            if not ast.get_docstring(node) and not getattr(node, "name", "").startswith("visit_")]
    assert ast.get_docstring(tree) or not tree.body, f"{file.name} has no docstring"
    assert not bare


@EACH_FILE
def test_functions_are_annotated(file: Path) -> None:
    bare = []
    for node in functions(parsed(file)):
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        untyped = [a.arg for a in arguments if a.annotation is None and a.arg not in ("self", "cls")]
        if untyped or node.returns is None:
            bare.append(f"{file.name}:{node.lineno} {node.name}({', '.join(untyped)})")
    assert not bare


@EACH_FILE
def test_no_import_hides_inside_a_function(file: Path) -> None:
    inside = [f"{file.name}:{node.lineno}" for function in functions(parsed(file)) for node in ast.walk(function)
              if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert not inside or str(file.relative_to(PACKAGE)) in LAZY


@EACH_FILE
def test_no_forbidden_words(file: Path) -> None:
    lines = file.read_text("utf-8").splitlines()
    found = [f"{file.name}:{number} {line.strip()}" for number, line in enumerate(lines, 1) if FORBIDDEN.search(line)]
    assert not found


@EACH_FILE
def test_no_error_is_swallowed(file: Path) -> None:
    """`except Exception` only where the error is raised again or reported."""
    loose = []
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.ExceptHandler):
            wide = node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException"))
            told = any(isinstance(part, ast.Raise) or (isinstance(part, ast.Name) and part.id == node.name) for part in ast.walk(node))
            if wide and not told:
                loose.append(f"{file.name}:{node.lineno}")
    assert not loose


def test_import_derive_is_light() -> None:
    heavy = ("sklearn", "matplotlib", "rich", "optax", "torch", "pandas", "IPython")
    code = f"import sys, derive; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]" and done.stderr == ""


def test_there_is_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert "version" in project["project"]["dynamic"] and project["tool"]["hatch"]["version"]["path"] == "derive/__init__.py"
    text = (PACKAGE / "__init__.py").read_text("utf-8")
    assert re.findall(r'^__version__ = "(.+)"$', text, re.MULTILINE) == [derive.__version__]
    strings = [file for file in FILES if f'"{derive.__version__}"' in file.read_text("utf-8")]
    assert strings == [PACKAGE / "__init__.py"]
    assert re.search(rf"^version: {re.escape(derive.__version__)}$", (ROOT / "CITATION.cff").read_text("utf-8"), re.MULTILINE)
    assert f"## {derive.__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_face_is_small_and_complete() -> None:
    assert all(getattr(derive, name).__doc__ for name in derive.__all__)
    assert len([name for name in derive.__all__ if not issubclass(type(getattr(derive, name)), type(Exception))]) <= 16


@pytest.mark.parametrize("file", sorted(TESTS.glob("*.py")), ids=lambda file: file.name)
def test_every_raises_has_a_match(file: Path) -> None:
    calls = [node for node in ast.walk(parsed(file)) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
             and node.func.attr in ("raises", "warns") and isinstance(node.func.value, ast.Name) and node.func.value.id == "pytest"]
    bare = [f"{file.name}:{call.lineno}" for call in calls if "match" not in {keyword.arg for keyword in call.keywords}]
    assert not bare


def test_the_readme_has_two_commands() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    for marker, end in (("main command", " && derive"), ("test command", " && pytest -n 2 -q")):
        blocks = re.findall(rf"<!-- {marker} -->\n+```(?:bash|sh)?\n(.+)\n```", text)
        assert len(blocks) == 1 and blocks[0].startswith("python3 -m venv .venv && ") and blocks[0].endswith(end)
