import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import derive.testing
from derive.checking import CheckFailed
from derive.errors import BadInput

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parent.parent
GRADIENTS = '''
import numpy as np
import jax.numpy as jnp
print("imported")

def loss(w, b, X, y):
    return 0.5 * jnp.sum((X @ w + b - y) ** 2)

def right_gradient(w, b, X, y):
    r = X @ w + b - y
    dw = X.T @ r
    db = np.sum(r)
    return dw, db

def wrong_gradient(w, b, X, y):
    r = X @ w + b - y
    dw = X.T @ r
    db = np.mean(r)
    return dw, db

def opaque_gradient(quark, b, X, y):
    dquark = quark
    return dquark

def test_of_nothing():
    assert False
'''
TESTS = '''
import derive
import derive.testing
from gradients import loss, right_gradient, wrong_gradient

def test_bare():
    report = derive.check(wrong_gradient, loss, "b", {"w": "d", "b": "", "X": "m d", "y": "m"})
    assert report.ok

def test_helper():
    derive.testing.assert_gradient(wrong_gradient, loss, "b", {"w": "d", "b": "", "X": "m d", "y": "m"})

def test_right():
    derive.testing.assert_gradient(right_gradient, loss, "w", {"w": "d", "b": "", "X": "m d", "y": "m"}, level="proved")
'''


@pytest.fixture
def folder(pytester, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makepyfile(gradients=GRADIENTS, test_gradients=TESTS)
    pytester.makeini("[pytest]\npythonpath = .\n")
    return pytester


def run(pytester, *words):
    return pytester.runpytest_subprocess("-p", "derive.pytest_plugin", "-p", "no:cacheprovider", *words)


def test_gradients_are_tests_whose_failure_is_the_diagnosis(folder):
    done = run(folder, "--derive", "gradients.py", "-v", "--derive-require", "proved")
    done.assert_outcomes(passed=3, failed=2)
    done.stdout.re_match_lines([r"gradients.py::right_gradient\[w\] PASSED.*", r"gradients.py::right_gradient\[b\] PASSED.*",
                                r"gradients.py::wrong_gradient\[w\] PASSED.*", r"gradients.py::wrong_gradient\[b\] FAILED.*",
                                r"gradients.py::opaque_gradient FAILED.*"])
    done.stdout.fnmatch_lines(["wrong_gradient, gradient with respect to b: wrong", "*claimed − true = *", "*b = *", "*found by its name*",
                               "*required: proved*", "opaque_gradient*: *"])
    done.stdout.no_fnmatch_line("*Traceback*")
    done.stdout.no_fnmatch_line("*examine.py*")


def collected(pytester, *words):
    return pytester.runpytest_inprocess("-p", "derive.pytest_plugin", "-p", "no:cacheprovider", "--collect-only", "-q", *words)


def test_a_folder_beside_the_tests_or_alone(folder):
    alone = collected(folder, "--derive", ".").stdout
    alone.fnmatch_lines(["gradients.py::right_gradient[[]w]"])
    for absent in ("*test_of_nothing*", "imported", "*test_bare*"):  # a file is read and not run
        alone.no_fnmatch_line(absent)
    both = ["test_gradients.py::test_bare", "gradients.py::right_gradient[[]w]"]
    collected(folder, "test_gradients.py", "--derive", "gradients.py").stdout.fnmatch_lines_random(both)
    folder.makeini("[pytest]\npythonpath = .\naddopts = --derive gradients.py\n")
    collected(folder).stdout.fnmatch_lines_random(both)
    assert collected(folder, "--derive", "absent").ret == pytest.ExitCode.USAGE_ERROR


def test_a_check_in_a_test_fails_with_the_diagnosis(folder):
    done = run(folder, "test_gradients.py")
    done.assert_outcomes(passed=1, failed=2)
    done.stdout.fnmatch_lines(["*assert report.ok", "*- derive -*", "wrong_gradient, gradient with respect to b: wrong",
                               ">*derive.testing.assert_gradient(wrong_gradient*", "E *wrong_gradient, gradient with respect to b: wrong",
                               "E *(required: exact)"])
    assert done.stdout.str().count("\nwrong_gradient, gradient with respect to b: wrong") == 1
    done.stdout.no_fnmatch_line("*derive/testing.py:*")


def test_a_file_that_is_no_python_is_an_error_of_the_collection(folder):
    folder.makepyfile(broken="def f(:\n")
    done = collected(folder, "--derive", "broken.py")
    assert done.ret == pytest.ExitCode.INTERRUPTED
    done.stdout.fnmatch_lines(["*not valid Python*"])


def test_suites_that_do_not_use_it_do_not_load_it(folder):
    probe = "import sys, derive.pytest_plugin; print(sorted({'jax', 'derive.face', 'numpy', 'sympy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
    folder.makepyfile(test_plain="import sys\ndef test_plain():\n    assert not {'jax', 'derive.face'} & set(sys.modules)\n")
    run(folder, "test_plain.py").assert_outcomes(passed=1)


def test_it_is_registered_under_the_name_of_its_module():
    """So that `-p derive.pytest_plugin` and the entry point are one plugin."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["entry-points"]["pytest11"] == {"derive.pytest_plugin": "derive.pytest_plugin"}


def square_gradient(w):
    return 2 * w


def tripled(w):
    return 3 * w


def square(w):
    return (w * w).sum()


def test_the_assertion_is_an_assertion_error_with_the_diagnosis():
    report = derive.testing.assert_gradient(square_gradient, square, "w", {"w": "n"}, level="proved", fixed=None)
    assert report.ok and report.level == "proved"
    with pytest.raises(CheckFailed, match="tripled, gradient with respect to w: wrong") as caught:
        derive.testing.assert_gradient(tripled, square, "w", {"w": "n"})
    assert isinstance(caught.value, AssertionError) and "claimed − true" in str(caught.value)
    with pytest.raises(BadInput, match="no level 'sure'"):
        derive.testing.assert_gradient(square_gradient, square, "w", {"w": "n"}, level="sure")
