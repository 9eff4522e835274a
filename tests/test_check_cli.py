import json
import os
import signal
import subprocess
import sys
import time

import pytest

from derive.app import judging, pairing, showing, terminal
from derive.app.examine import Outcome, Settings, cannot
from derive.app.pairing import Target, targets
from derive.app.recognise import definitions
from derive.app.worker import Worker
from derive.checking import Report
from derive.checking.report import Example
from derive.cli import main
from derive.errors import BadInput

SOFTMAX = '''
import jax
import jax.numpy as jnp
import numpy as np

def loss(W, X, y, lam):
    z = X @ W
    return jnp.mean(jax.nn.logsumexp(z, axis=1) - z[jnp.arange(X.shape[0]), y]) + 0.5 * lam * jnp.sum(W**2)

def mine(W, X, y, lam):
    z = X @ W
    z -= z.max(axis=1, keepdims=True)
    p = np.exp(z)
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(X.shape[0]), y] -= 1
    dW = X.T @ p / X.shape[0] + lam * W
    return dW

def forgot(W, X, y, lam):
    print("lam is", lam)
    dW = mine(W, X, y, lam) - lam * W
    return dW
'''
LAYERS = '''
import numpy as np
import jax.numpy as jnp

def _scale(x):
    return x

def affine_forward(x, w, b):
    return x @ w + b, (x, w, b)

def affine_backward(dout, cache):
    x, w, b = cache
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)

def line_loss(w, X, y):
    return 0.5 * jnp.sum((X @ w - y) ** 2)

def line_grad(w, X, y):
    return X.T @ (X @ w - y)

def both(w, X, y):
    r = X @ w - y
    loss = np.sum(r ** 2)
    grad = 2 * X.T @ r
    return loss, grad

def power_loss(w):
    return np.sum(w ** 3)

def power_gradient(w):
    return 3 * w ** 2

def numerical_gradient(f, w):
    grad = np.zeros_like(w)
    return grad
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "softmax.py").write_text(SOFTMAX)
    (tmp_path / "layers.py").write_text(LAYERS)
    return tmp_path


@pytest.fixture
def run(folder, capsys):
    """Runs `derive check` in this process; gives the status, the output and the complaints, and insists that there is no traceback."""

    def command(*words):
        status = main(["check", "--timeout", "0", *words])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err and "fault of derive" not in out + err
        return status, out, err

    return command


def written(folder, text, name="made.py"):
    (folder / name).write_text(text)
    return definitions(folder / name)


# --- which functions, against what -------------------------------------------------------------------------------------------------------


def test_a_file_is_read_and_paired(folder):
    found = {t.names[-1]: t for t in targets(["layers.py"])}
    assert list(found) == ["affine_backward", "line_grad", "both", "power_gradient"]
    assert found["affine_backward"].names == ("affine_forward", "affine_backward") and found["affine_backward"].reference == ""
    assert found["line_grad"].reference == "layers.py::line_loss" and "by its name" in found["line_grad"].told
    assert (found["both"].reference, found["both"].loss) == ("", "") and "returns itself" in found["both"].told
    assert found["power_gradient"].loss == "power_loss" and "NumPy" in found["power_gradient"].told
    assert all(not t.problem for t in found.values())


def test_a_folder_is_searched_and_each_gradient_is_there_once(folder):
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "x.py").write_text(SOFTMAX)
    (folder / "deep").mkdir()
    (folder / "deep" / "again.py").write_text(SOFTMAX)
    (folder / "deep" / "broken.py").write_text("def f(:\n")
    found = targets([".", "softmax.py"])
    assert [t.file for t in found if "mine" in t.names] == ["deep/again.py", "softmax.py"]
    assert [t.file for t in found if t.problem] == ["deep/broken.py"]


@pytest.mark.parametrize("text, kind", [
    ("import jax.numpy as np\ndef f(x): return np.sum(x)", "jax"),
    ("from jax import numpy as np\ndef f(x): return np.sum(x)", "jax"),
    ("from jax.nn import softmax\ndef f(x): return softmax(x)", "jax"),
    ("from jax.numpy import *\ndef f(x): return sum(exp(x))", "jax"),
    ("import jax.numpy as jnp\ndef g(x): return jnp.sum(x)\ndef f(x): return 2 * g(x)", "jax"),
    ("import jax\n@jax.jit\ndef f(x): return x @ x", "jax"),
    ("def f(x):\n    import jax.numpy as jnp\n    return jnp.sum(x)", "jax"),
    ("import jax, numpy as np\ndef f(x: jax.Array): return np.sum(x)", "numpy"),
    ("import jax\ndef f(x: jax.Array): return (x * x).sum()", "jax"),
    ("import jax.numpy as jnp\nimport numpy as np\ndef f(x):\n    jnp = np\n    return jnp.sum(x)", "numpy"),
    ("from numpy import exp\nf = lambda x: exp(x)", "numpy"),
    ("def f(x): return (x * x).sum()", "plain"),
    ("import torch\ndef f(x): return torch.sum(x)", "torch"),
    ("import jax\n@jax.custom_vjp\ndef f(x): return x", "jax.custom_vjp"),
    ("from jax import custom_jvp as c\nfrom functools import partial\n@partial(c, nondiff_argnums=(1,))\ndef f(x, n): return x", "jax.custom_jvp"),
    ("import jax\ndef g(x): return x\nf = jax.custom_vjp(g)", "jax.custom_vjp"),
    ("import torch\nclass f(torch.autograd.Function): pass", "torch.autograd.Function"),
    ("from torch.autograd import Function\nclass f(Function): pass", "torch.autograd.Function"),
    ("import jax\n@jax.custom_vjp\ndef g(x): return x\ndef f(r, g): return (g,)\ng.defvjp(g, f)", "rule"),
])
def test_the_kind_of_a_function_is_told_from_its_text(folder, text, kind):
    assert written(folder, text)["f"].kind == kind


def test_what_is_returned_tells_the_arguments(folder):
    text = "def f(W, b, reg):\n    dW, grad_b = W, b\n    return {}\n"
    for returned, names in (("1, dW, grad_b", ("W", "b")), ("{'loss': 1, 'W': dW, 'b': grad_b}", ("W", "b")), ("1, (dW,)", ("W",)), ("W", ())):
        assert written(folder, text.format(returned))["f"].gradients == names
    assert not written(folder, "def f(dW, W):\n    return dW\n")["f"].returns_gradient


@pytest.mark.parametrize("name, other, found", [
    ("softmax_grad", "softmax_loss", True), ("grad_softmax", "softmax_reference", True), ("d_softmax", "softmax_jax", True),
    ("softmax_loss_grad", "softmax_loss", True), ("my_grad", "loss", True), ("other_grad", "reference", True), ("softmax_grad", "svm_loss", False)])
def test_pairs_by_name(folder, name, other, found):
    written(folder, f"import jax.numpy as jnp\nimport numpy as np\ndef {other}(w): return jnp.sum(w)\ndef {name}(w): return np.ones_like(w)\n")
    (target,) = targets(["made.py"])
    assert target.reference == (f"made.py::{other}" if found else "") and bool(target.problem) is not found


def test_a_layer_is_not_paired_with_a_loss_of_another_name(folder):
    text = "def loss(x, w, b): return jnp.sum(x)\ndef affine_reference(x, w, b): return x @ w + b\n"
    written(folder, LAYERS + text)
    found = {t.names[-1]: t for t in targets(["made.py"])}
    assert found["affine_backward"].reference == "made.py::affine_reference"
    written(folder, LAYERS + text.replace("affine_reference", "other"))
    assert {t.names[-1]: t for t in targets(["made.py"])}["affine_backward"].reference == ""


def test_helpers_of_gradients_are_no_targets(folder):
    written(folder, "import numpy as np\ndef relu_grad(z): return z > 0\n" + "def mlp_grad(z):\n    loss = z.sum()\n    return loss, relu_grad(z)\n")
    assert [t.names for t in targets(["made.py"])] == [("mlp_grad",)]


def test_a_loss_that_the_text_does_not_show_is_found_by_running(run, folder):
    written(folder, "def hidden_grad(w):\n    both = (w * w).sum(), 2 * w\n    return both\n\ndef bare_grad(w):\n    return 2 * w\n")
    status, out, _ = run("made.py")
    assert status == 2 and "1 right, 1 undecided" in out and "bare_grad returns no loss" in out


def test_nothing_to_check_is_told(run, folder):
    (folder / "empty.py").write_text("x = 1\n")
    status, out, err = run("empty.py")
    assert status == 2 and out == "" and "No handwritten gradient" in err
    assert run("absent.py")[0] == run("empty.txt")[0] == 2


# --- the command -------------------------------------------------------------------------------------------------------------------------


def test_several_targets_end_in_a_table(run):
    status, out, err = run("softmax.py", "layers.py::line_grad")
    assert status == 1 and "2 right, 1 wrong" in out and "mine is checked against loss, found by its name" in err
    rows = {line.split()[1]: line for line in out.splitlines() if line.startswith("  ✓") or line.startswith("  ✗")}
    assert rows["mine"].startswith("  ✓ mine") and "proved" in rows["mine"] and rows["mine"].endswith(" s") and rows["line_grad"][2] == "✓"
    assert "lam is" in out and "printed by your code" in out and out.count("lam is") <= 40
    assert "softmax.py:" in out and "lacks λ W" in out


def test_own_loss_pair_and_numpy_loss(run):
    status, out, err = run("layers.py")
    assert status == 0 and "wrong" not in out and "4 right" in out
    assert "x is n d, w is d m, b is m" in err
    wrong = LAYERS.replace("3 * w ** 2", "2 * w ** 2").replace("dout.sum(axis=0)", "dout.sum(axis=0) * 2")
    with open("wrong.py", "w") as file:
        file.write(wrong)
    status, out, _ = run("wrong.py::power_gradient", "wrong.py::affine_backward")
    assert status == 1 and "2 wrong" in out


def test_options_reach_the_check(run, folder):
    text = "import numpy as np\ndef f_grad(q, n, p):\n    loss = np.sum(q ** n) * p['s']\n    return loss, n * q ** (n - 1) * p['s']\n"
    (folder / "made.py").write_text(text)
    words = ("made.py::f_grad", "--fixed", "n=2", "--fixed", "p={'s': 3}", "--returns", "q", "--wrt", "q")
    status, out, err = run(*words, "--shapes", "q=n m")
    assert status == 0 and "✓" in out and "guessed" not in err
    status, out, err = run(*words)
    assert status == 2 and "The shape of 'q'" in out
    assert run("softmax.py::mine", "--reference", "layers.py::line_loss")[0] != 0


def test_less_than_required_is_undecided():
    proved, numeric = Report("f", "W", "proved for all sizes"), Report("f", "W", "agrees numerically (not a proof)")
    assert [showing.outcome_status(r, level) for r in (proved, numeric) for level in ("", "numeric", "exact", "proved")] == [0, 0, 0, 0, 0, 0, 2, 2]
    assert showing.outcome_status(Report("f", "W", "wrong"), "proved") == 1 and showing.outcome_status(Report("f", "W", "undecided"), "numeric") == 2
    assert showing.outcome_status(Report("f", "W", "exact at sizes m = 2"), "exact") == 0
    assert [judging.total_status(s) for s in ([0, 0], [0, 2], [2, 1, 0], [])] == [0, 2, 1, 2]


def test_bad_options_are_told(run):
    for words, message in ((("--timeout", "-1"), "no time"), (("--wrt", ","), "--wrt names no"), (("--fixed", "x"), "--fixed 'x'"),
                           (("--shapes", "W"), "not of the form"), (("--require", "sure"), "--require"), (("--reference", "loss"), "does not name")):
        status, out, err = run("softmax.py::mine", *words)
        assert status == 2 and out == "" and message in err


def test_help_says_how_functions_are_found(capsys):
    assert main(["check", "--help"]) == 0
    out = capsys.readouterr().out
    for words in ("softmax_loss for softmax_grad", "jax.custom_vjp", "exit status", '"summary"', "--timeout", '"NaN"'):
        assert words in out


# --- JSON --------------------------------------------------------------------------------------------------------------------------------


def test_json_is_one_document_that_any_reader_takes(run):
    status, out, _ = run("softmax.py::forgot", "softmax.py::mine", "--json", "--require", "proved")
    document = json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert status == document["status"] == 1 and document["summary"] == {"right": 1, "wrong": 1, "undecided": 0}
    wrong, right = document["targets"]
    assert wrong["target"] == "softmax.py::forgot" and wrong["reference"] == "softmax.py::loss" and wrong["status"] == 1
    assert wrong["report"]["verdict"] == "wrong" and "lam is" in wrong["printed"] and right["report"]["level"] == "proved"
    assert set(document) == {"derive", "require", "status", "summary", "targets"} and document["require"] == "proved"


def test_numbers_that_json_has_not_are_words():
    example = Example({"m": 1}, {"x": [float("nan"), float("inf")]}, float("-inf"), 1.0, (0,))
    outcome = Outcome(Target("f.py", ("g",)), Report("g", "x", "wrong", counterexample=example))
    text = json.dumps(showing.as_json([outcome], 1), allow_nan=False)
    found = json.loads(text)["targets"][0]["report"]["counterexample"]
    assert found["claimed"] == "-Infinity" and found["arguments"]["x"] == ["NaN", "Infinity"]


# --- as a reader sees it -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_table_and_the_words_keep_to_the_width(monkeypatch, capsys, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    report = Report("a_function_with_a_long_name", "weights", "exact at sizes m = 3, k = 2; m = 1, k = 1", ("a word " * 40,), warnings=("b " * 90,))
    several = Report("f", "W, b", "wrong", parts={"W": report, "b": Report("f", "b", "wrong")})
    outcomes = [Outcome(Target("f.py", ("f",)), several, 1.25), Outcome(Target("f.py", ("g",)), cannot(Target("f.py", ("g",)), "why\n  not"))]
    screen = terminal.Screen(sys.stdout)
    for outcome in outcomes:
        showing.show_outcome(outcome, screen)
    showing.show_table(outcomes, screen)
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= columns and "1.2 s" in out and "1 wrong, 1 undecided" in out and "\n    not\n" in out


def test_the_diff_is_coloured_and_numbers_are_not_wrapped(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    numbers = Example({"m": 9}, {"x": [[0.125] * 12] * 3}, 1.0, 2.0, (0, 0))
    report = Report("f", "x", "wrong", counterexample=numbers, fix="--- f.py\n+++ f.py\n@@ -1 +1 @@\n-a\n+b")
    showing.show_report(report, terminal.Screen(sys.stdout))
    out = capsys.readouterr().out
    assert "\x1b[31m    -a\x1b[0m" in out and "\x1b[32m    +b\x1b[0m" in out
    assert any("x = np.array(" in line and line.endswith("])") for line in out.splitlines())


# --- as a process ------------------------------------------------------------------------------------------------------------------------

HOSTILE = '''
import os
import numpy as np
def loss(w, X, y):
    return 0.5 * ((X @ w - y) ** 2).sum()
def spin_grad(w, X, y):
    print("spinning")
    os.write(1, b"noise")
    dw = w
    while True:
        pass
    return dw
def stubborn_grad(w, X, y):
    while True:
        try:
            dw = w + 1
        except:
            pass
    return dw
def gone_grad(w, X, y):
    dw = w
    os._exit(3)
    return dw
'''


def test_code_that_never_ends_or_ends_the_process_is_an_answer(folder):
    (folder / "hostile.py").write_text(HOSTILE)
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "derive", "check", "hostile.py", "--timeout", "2", "--json"], capture_output=True, text=True)
    document = json.loads(done.stdout)
    found = {t["target"].partition("::")[2]: t for t in document["targets"]}
    assert done.returncode == document["status"] == 2 and time.perf_counter() - started < 60
    for name in ("spin_grad", "stubborn_grad"):
        assert found[name]["report"]["verdict"] == "cannot run" and "timed out after 2 s" in str(found[name]["report"]["diagnosis"])
    assert "ended with status 3" in str(found["gone_grad"]["report"]["diagnosis"])
    assert document["summary"] == {"right": 0, "wrong": 0, "undecided": 3}
    assert "Traceback" not in done.stderr


def test_an_interrupt_ends_both_processes(folder):
    (folder / "hostile.py").write_text(HOSTILE.replace('print("spinning")', "open('pid', 'w').write(str(os.getpid()))"))
    command = [sys.executable, "-m", "derive", "check", "hostile.py::spin_grad", "--timeout", "100"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        deadline = time.monotonic() + 60
        while not ((folder / "pid").exists() and (folder / "pid").read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, complaints = process.communicate(timeout=60)
    assert process.returncode == 130 and "Interrupted." in complaints and "Traceback" not in complaints
    with pytest.raises(ProcessLookupError, match="No such process"):
        os.kill(int((folder / "pid").read_text()), 0)


def test_a_worker_that_is_spawned_goes_on_after_a_timeout(folder, monkeypatch):
    (folder / "hostile.py").write_text(HOSTILE)
    monkeypatch.setattr("derive.app.worker._method", lambda: "spawn")
    waits = []
    with Worker(1.2) as worker:
        endless = worker.examine(targets(["hostile.py::spin_grad"])[0], Settings(), lambda: waits.append(1))
        worker.timeout = 200.0
        outcomes = [worker.examine(target, Settings(("W",))) for target in targets(["softmax.py"])]
    assert waits == [1] and "timed out after 1.2 s" in str(endless.report) and endless.seconds < 60
    assert [showing.outcome_status(o.report) for o in outcomes] == [0, 1] and "lam is" in outcomes[1].printed and outcomes[0].seconds > 0


def test_a_gradient_that_is_imported_can_be_named(run, folder):
    (folder / "other.py").write_text("from softmax import loss, mine\n")
    assert run("other.py::mine", "--reference", "other.py::loss")[0] == 0
    status, out, _ = run("other.py::nothing", "--reference", "other.py::loss")
    assert status == 2 and "no function 'nothing'" in out


def test_pairing_refuses_what_is_no_python(folder):
    (folder / "notes.txt").write_text("")
    with pytest.raises(BadInput, match="no Python file"):
        targets(["notes.txt"])
    assert "found by name are told" in pairing.PAIRING
