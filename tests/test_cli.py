import ast
import importlib.util
import io
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import derive
from derive import signatures
from derive.app import files, terminal
from derive.app.showing import check_status
from derive.checking import Report
from derive.cli import main
from derive.errors import BadInput, MissingExtra
from derive.train import load_run

SOURCE = '''
import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from neighbour import half

@dataclass
class Setting:
    strength: "float" = 0.5

def loss(W, X, y, lam):
    z = X @ W
    p = jax.nn.softmax(z)
    m = X.shape[0]
    return -jnp.log(p[jnp.arange(m), y]).mean() + half() * lam * jnp.sum(W**2)

def mine(W, X, y, lam):
    z = X @ W
    z -= z.max(axis=1, keepdims=True)
    p = np.exp(z)
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(X.shape[0]), y] -= 1
    return X.T @ p / X.shape[0] + lam * W

def forgot(W, X, y, lam):
    return mine(W, X, y, 0 * lam)

def softmax(z):
    return jax.nn.softmax(z)

def shifted(z):
    return jax.nn.softmax(z + 1.5)

def heated(z):
    return jax.nn.softmax(2 * z)

def unrelated(z):
    return jnp.sum(z)

def biased(W, b, X, y):
    z = X @ W + b
    return jnp.mean(jax.nn.logsumexp(z, axis=1) - z[jnp.arange(X.shape[0]), y])

def quadratic(w, X, y):
    return 0.5 * jnp.sum((X @ w - y) ** 2)

CONSTANT = 3

def unknown(W, X, y, lam):
    return jnp.sum(jnp.fft.fft(W).real)

def branch(W, X, y, lam):
    if jnp.sum(W) > 0:  # LINE branch
        return jnp.sum(W)
    return jnp.sum(W * W)

def length(W, X, y, lam):
    return jnp.sum(X @ W) / len(X)  # LINE length

def floating(W, X, y, lam):
    n = X.shape[0]
    return jnp.sum(X @ W) / float(n)  # LINE floating

def rooted(W, X, y, lam):
    return jnp.sum(W) / math.sqrt(W.shape[0])  # LINE rooted

def loop(W, X, y, lam):
    total = 0.0
    for i in range(X.shape[0]):  # LINE loop
        total = total + jnp.sum(X[i] @ W)
    return total

def misfit(W, X, y, lam):
    return jnp.sum(W @ X)  # LINE misfit

def no_return(W, X, y, lam):
    z = X @ W

def size_branch(W, X, y, lam):
    d = X.shape[1]
    if d == 1:  # LINE size_branch
        return jnp.sum(W)
    return jnp.sum(W * W)

def strange(W, X, y, quark):
    return jnp.sum(W)
'''


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "neighbour.py").write_text("def half():\n    return 0.5\n")
    (tmp_path / "user.py").write_text(SOURCE)
    return tmp_path / "user.py"


@pytest.fixture
def run(file, capsys):
    """Runs a command line; gives the status, the output and the complaints, and insists that there is no traceback."""

    def command(*words):
        status = main(words)
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err and "fault of derive" not in err
        return status, out, err

    return command


def line_of(mark):
    return next(k for k, line in enumerate(SOURCE.splitlines(), 1) if line.endswith(f"# LINE {mark}"))


# --- explain and emit --------------------------------------------------------------------------------------------------------------------


def test_explain_shows_the_derivation_and_says_which_shapes_were_guessed(run):
    status, out, err = run("explain", "user.py::loss", "--wrt", "W")
    assert status == 0 and "Xᵀ(P − Y)/m + λW" in out and "\x1b" not in out
    assert "W is d k, X is m d, y is int m, lam is a number" in err and "--shapes" in err


def test_given_and_annotated_shapes_are_not_called_guesses(run, file):
    assert run("explain", "user.py::loss", "--wrt", "W", "--shapes", "W=d k; X=m d; y=int m; lam=")[2] == ""
    annotated = 'from jaxtyping import Float, Array\ndef f(W: Float[Array, "d k"], lam: float):\n    return lam * (W**2).sum()\n'
    (file.parent / "annotated.py").write_text(annotated)
    status, out, err = run("explain", "annotated.py::f")
    assert status == 0 and err == "" and "2 λ W" in out


def test_the_first_argument_is_the_default_and_a_position_counts(run):
    first = run("explain", "user.py::quadratic")[1]
    assert "with respect to w" in first and run("explain", "user.py::quadratic", "--wrt", "0")[1] == first
    assert "with respect to X" in run("explain", "user.py::quadratic", "--wrt", "-2")[1]


@pytest.mark.parametrize("words", [("--wrt", "W", "--wrt", "b"), ("--wrt", "W,b")])
def test_several_arguments_give_several_derivations(run, words):
    status, out, _ = run("explain", "user.py::biased", *words)
    assert status == 0 and "with respect to W" in out and "with respect to b" in out


@pytest.mark.parametrize("kind, name, sign", [
    ("jacobian", "softmax", "Jacobian"), ("vjp", "softmax", "dout"), ("hessian", "quadratic", "Hessian")])
def test_the_other_derivatives(run, kind, name, sign):
    status, out, _ = run("explain", f"user.py::{name}", f"--{kind}")
    assert status == 0 and sign.lower() in out.lower()


def test_files_are_written_in_each_form(run, tmp_path):
    status, out, _ = run("explain", "user.py::loss", "--html", "a.html", "--latex", "a.tex", "--markdown", "a.md")
    assert status == 0 and out.splitlines() == ["wrote a.html", "wrote a.tex", "wrote a.md"]
    assert "<math" in (tmp_path / "a.html").read_text() and "\\documentclass" in (tmp_path / "a.tex").read_text()
    assert "$" in (tmp_path / "a.md").read_text()
    assert run("explain", "user.py::biased", "--wrt", "W,b", "--markdown", "b.md")[1].splitlines() == ["wrote b-W.md", "wrote b-b.md"]
    assert run("explain", "user.py::loss", "--markdown", "-")[1].rstrip() == (tmp_path / "a.md").read_text().rstrip()


def test_emit_prints_code_that_runs_and_nothing_else(run):
    status, out, _ = run("emit", "user.py::loss", "--wrt", "W")
    scope = {}
    exec(compile(ast.parse(out), "emitted", "exec"), scope)
    W, X, y = np.ones((3, 2)), np.arange(12.0).reshape(4, 3), np.array([0, 1, 1, 0])
    p = np.full((4, 2), 0.5)
    p[np.arange(4), y] -= 1
    assert status == 0 and np.allclose(scope["grad_W"](W, X, y, 0.3), X.T @ p / 4 + 0.3 * W)
    assert "import jax.numpy as jnp" in run("emit", "user.py::loss", "--wrt", "W", "--jax")[1]


# --- prove and check ---------------------------------------------------------------------------------------------------------------------


def test_prove_says_yes_no_and_cannot_decide(run):
    status, out, _ = run("prove", "user.py::softmax", "user.py::shifted")
    assert status == 0 and "✓ proved for all sizes" in out
    status, out, _ = run("prove", "user.py::softmax", "user.py::heated")
    assert status == 1 and "✗ refuted" in out and "they differ" in out and "m = " in out
    status, out, _ = run("prove", "user.py::softmax", "user.py::unrelated")
    assert status == 2 and "? cannot decide" in out and "different shapes" in out


def test_check_says_right_and_wrong_and_names_the_difference(run):
    status, out, _ = run("check", "user.py::mine", "--wrt", "W", "--timeout", "0")
    assert status == 0 and "✓ proved for all sizes" in out
    status, out, _ = run("check", "user.py::forgot", "--reference", "user.py::loss", "--wrt", "W", "--timeout", "0")
    assert status == 1 and "✗ wrong" in out and "lacks λ W" in out and "claimed" in out


def test_check_needs_a_loss(run, file):
    (file.parent / "alone.py").write_text("def mine(W):\n    return W\n")
    status, out, _ = run("check", "alone.py::mine", "--timeout", "0")
    assert status == 2 and "cannot run" in out and "no function named" in out and "--reference" in out


@pytest.mark.parametrize("verdict, loss, status", [
    ("proved for all sizes", "", 0), ("agrees numerically (not a proof)", "", 0), ("wrong", "", 1), ("undecided", "", 2),
    ("cannot run", "", 2),
    ("right for its own loss, which is not the reference loss", "", 1), ("proved for all sizes", "differs: 2", 1),
    ("proved for all sizes", "undecided", 2)])
def test_the_status_of_each_verdict(verdict, loss, status):
    report = Report("mine", "W", verdict, loss=loss)
    right = Report("mine", "b", "proved for all sizes")
    assert check_status(report) == status
    assert check_status(Report("mine", "W, b", verdict, loss=loss, parts={"b": right, "W": report})) == status


# --- bad input ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, words", [
    ("branch", "jnp.where"), ("length", "x.shape[0]"), ("floating", "float(n)"), ("rooted", "jnp.sqrt"), ("loop", "range(n)"),
    ("misfit", "shapes do not fit"), ("size_branch", "compared")])
def test_what_cannot_be_traced_names_the_line(run, name, words):
    status, out, err = run("explain", f"user.py::{name}", "--wrt", "W")
    assert status == 2 and out == "" and words in err
    assert f"user.py, line {line_of(name)}:" in err


@pytest.mark.parametrize("name, words", [("unknown", "'fft'"), ("no_return", "returns nothing"), ("strange", "'quark'")])
def test_what_has_no_line_names_the_function(run, name, words):
    status, out, err = run("explain", f"user.py::{name}", "--wrt", "W")
    start = SOURCE.splitlines().index(next(line for line in SOURCE.splitlines() if line.startswith(f"def {name}("))) + 1
    assert status == 2 and out == "" and words in err and any(f"user.py, line {line}" in err for line in (start, start + 1))


@pytest.mark.parametrize("words, message", [
    (("--wrt", "V"), "wrt='V'"), (("--wrt", "y"), "'y' holds integers"), (("--wrt", "7"), "wrt=7"), (("--wrt", ","), "--wrt names no"),
    (("--shapes", "Q=m"), "'Q'"), (("--shapes", "W d k"), "'W d k' is not of the form"), (("--shapes", "W=d; W=k"), "is there twice"),
    (("--shapes", "W=d-"), "'d-'"), (("--shapes", "X=k m"), "shapes do not fit"), (("--html", "."), "it is a folder"),
    (("--html", "nowhere/a.html"), "there is no folder nowhere"), (("--jacobian", "--assume", "W <"), "W <")])
def test_bad_arguments_are_named(run, words, message):
    status, out, err = run("explain", "user.py::loss", *words)
    assert status == 2 and out == "" and message in err


@pytest.mark.parametrize("target, message", [
    ("user.py", "does not name a function"), ("user.py::", "does not name a function"), ("absent.py::loss", "There is no file absent.py"),
    ("user.py::lss", "Did you mean loss?"), ("user.py::CONSTANT", "an int and not a function"),
    ("user.py::Setting", "a type and not a function"), ("user.py::zzzz", "Its functions are"), ("broken.py::f", "broken.py, line 2"),
    ("raises.py::f", "raises.py, line 3: 1 / 0"), ("exits.py::f", "SystemExit"),
    (".::f", "no file")])
def test_bad_targets_are_named(run, file, target, message):
    (file.parent / "broken.py").write_text("import jax\ndef f(:\n")
    (file.parent / "raises.py").write_text("import jax\n\n1 / 0\n")
    (file.parent / "exits.py").write_text("import sys\nsys.exit(0)\n")
    status, out, err = run("explain", target)
    assert status == 2 and out == "" and message in err


@pytest.mark.parametrize("words", [("nonsense",), ("explain",), ("explain", "a.py::f", "--vjp", "--jacobian"), ("train", "--steps", "x")])
def test_bad_usage_has_status_2(run, words):
    status, _, err = run(*words)
    assert status == 2 and "usage:" in err


def test_a_gradient_of_an_array_points_to_the_other_derivatives(run):
    status, _, err = run("explain", "user.py::softmax")
    assert status == 2 and "jacobian" in err and "vjp" in err


def test_a_fault_of_derive_is_told_as_one(file, capsys, monkeypatch):
    def faulty(program, *rest):
        raise KeyError("lost")

    monkeypatch.setattr("derive.face.differentiate", faulty)
    assert main(["explain", "user.py::quadratic"]) == 2
    err = capsys.readouterr().err
    assert "KeyError: 'lost'" in err and "fault of derive" in err and "Traceback" not in err


def test_an_interrupt_is_no_traceback(file, capsys, monkeypatch):
    def interrupted(program, *rest):
        raise KeyboardInterrupt

    monkeypatch.setattr("derive.face.differentiate", interrupted)
    assert main(["explain", "user.py::quadratic"]) == 130
    assert capsys.readouterr().err.endswith("derive: Interrupted.\n")


def test_tracebacks_are_shown_when_asked_for(file, capsys):
    for words in (("--traceback", "explain", "user.py::length"), ("explain", "user.py::length", "--traceback")):
        assert main(words) == 2
        assert "Traceback" in capsys.readouterr().err


# --- loading -----------------------------------------------------------------------------------------------------------------------------


def test_loading_leaves_nothing_behind(file):
    before, path = set(sys.modules), list(sys.path)
    loader = files.Loader()
    first, second = loader.function("user.py::loss"), loader.function(f"{file}::loss")
    assert first is second
    assert not {name for name in set(sys.modules) - before if "user" in name or name == "neighbour"} and sys.path == path


def test_guesses_follow_the_signature():
    def linear(w, X, y, lam, *, power=2.0): ...
    def other(W, X, y, b): ...
    assert signatures.guessed_shapes(linear, {}).shapes == {"w": "d", "X": "m d", "y": "m", "lam": ""}
    found = signatures.guessed_shapes(other, {"y": "m k"})
    assert found.shapes == {"W": "d k", "X": "m d", "y": "m k", "b": "k"} and found.guessed == {"W": "d k", "X": "m d", "b": "k"}
    with pytest.raises(BadInput, match="'q'"):
        signatures.guessed_shapes(lambda q: q, {})


def test_an_output_folder_is_tried_before_the_work(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(BadInput, match="cannot be written"):
        files.usable_folder(tmp_path / "taken" / "inside")
    assert files.usable_folder(tmp_path / "a" / "b").is_dir() and not list((tmp_path / "a" / "b").iterdir())


# --- train -------------------------------------------------------------------------------------------------------------------------------


def test_train_writes_pictures_and_weights_that_load(run, tmp_path):
    status, out, _ = run("train", "--out", "trained", "--steps", "60", "--seed", "3", "--lr", "0.02")
    assert status == 0 and "validation 0." in out and "60 steps" in out and "seed 3" in out
    assert {p.name for p in (tmp_path / "trained").iterdir()} == {"loss.png", "weights.png", "weights.npz"}
    loaded = load_run(tmp_path / "trained" / "weights.npz")
    assert loaded.settings.seed == 3 and loaded.settings.lr == 0.02 and loaded.parameters["W"].shape == (65, 10)


def test_train_takes_a_loss_of_the_users_and_searches(run):
    status, out, _ = run("train", "user.py::loss", "--out", "t", "--steps", "20", "--search")
    assert status == 0 and out.count("validation accuracy") == 15 and "best" in out


@pytest.mark.parametrize("words, message", [
    (("--data", "absent"), "data folder absent does not exist"), (("--data", "empty"), "lacks data_batch_1"),
    (("--out", "user.py"), "user.py cannot be written"), (("--lr", "-1"), "lr=-1.0"), (("--seed", "-5"), "seed"),
    (("--lr", "1e30"), "smaller learning rate"), (("--search", "--lr", "0.1"), "--search chooses lr itself"),
    (("user.py::softmax",), "z")])
def test_bad_training_is_explained(run, tmp_path, words, message):
    (tmp_path / "empty").mkdir()
    status, _, err = run("train", "--steps", "20", *(() if "--out" in words else ("--out", "t")), *words)
    assert status == 2 and message in err


def test_a_missing_extra_names_the_command_that_installs_it(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    status, _, err = run("train", "--out", "t")
    assert status == 2 and 'pip install "derive-grad[app]"' in err


# --- the terminal ------------------------------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_colours_only_in_a_terminal_that_wants_them(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert terminal.Screen(Terminal()).colour and not terminal.Screen(io.StringIO()).colour
    monkeypatch.setenv("NO_COLOR", "1")
    assert not terminal.Screen(Terminal()).colour
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not terminal.Screen(Terminal()).colour
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert terminal.Screen(io.StringIO()).colour


@pytest.mark.parametrize("columns, width", [("60", 60), ("20", 40), ("300", 110)])
def test_the_width_is_the_terminals_within_reason(monkeypatch, columns, width):
    monkeypatch.setenv("COLUMNS", columns)
    screen = terminal.Screen(io.StringIO())
    screen.words("word " * 80)
    screen.heading("A title", "a remark")
    screen.verdict("good", "proved", "a sentence that is long " * 9)
    screen.pairs([("name", "value " * 50)])
    assert screen.width == width and max(map(len, screen.stream.getvalue().splitlines())) == width


@pytest.mark.parametrize("colour", ["1", ""])
def test_without_rich_the_screen_still_works(monkeypatch, colour):
    def absent(module, purpose):
        raise MissingExtra(f"{module} is not here")

    monkeypatch.setattr(terminal, "extra", absent)
    monkeypatch.setenv("FORCE_COLOR", colour)
    screen = terminal.Screen(Terminal())
    screen.code("x = 1")
    with screen.progress("training") as report:
        for step in range(1, 9):
            report(step, 8, 0.5)
    assert "x = 1" in screen.stream.getvalue() and screen.stream.getvalue().count("loss 0.5000") == 4


def test_rich_colours_code_and_draws_a_bar(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    screen = terminal.Screen(Terminal())
    screen.code("def f(x):\n    return x")
    with screen.progress("training") as report:
        report(8, 8, 0.25)
    assert "\x1b[" in screen.stream.getvalue() and "8/8" in screen.stream.getvalue() and "loss 0.2500" in screen.stream.getvalue()


# --- as a process ------------------------------------------------------------------------------------------------------------------------


def test_a_cold_explain_takes_seconds_and_loads_nothing_slow(file):
    probe = ("import sys; from derive.cli import main; status = main(['explain', 'user.py::loss', '--wrt', 'W']); "
             "print([m for m in ('sklearn', 'matplotlib', 'rich', 'pandas') if m in sys.modules]); sys.exit(status)")
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONUTF8": "1"})
    assert done.stdout.rstrip().endswith("[]") and time.perf_counter() - started < 15  # 3 s on a quiet machine


def test_python_m_derive_and_a_closed_pipe(file):
    command = [sys.executable, "-m", "derive"]
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.strip() == f"derive {derive.__version__}"
    with subprocess.Popen([*command, "explain", "user.py::loss"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        complaints = process.stderr.read().decode()
        assert process.wait(60) == 0 and "Traceback" not in complaints and "BrokenPipe" not in complaints


def test_the_console_script_is_main():
    assert importlib.util.find_spec("derive.__main__") is not None
    settings = (Path(__file__).parent.parent / "pyproject.toml").read_text()
    assert 'derive = "derive.cli:main"' in settings
