import ast
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import derive
from derive import data, losses
from derive.app import findings, main_job, report
from derive.checking import check
from derive.cli import main
from derive.train import load_run, train


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """The main job, run once: its status, its output, its folder."""
    folder = tmp_path_factory.mktemp("main") / "made" / "here"
    with pytest.MonkeyPatch.context() as patch:
        lines = []
        patch.setattr("derive.app.terminal.Screen.raw", lambda self, text="": lines.append(text))
        patch.setenv("COLUMNS", "100")
        patch.delenv("FORCE_COLOR", raising=False)
        status = main(["--out", str(folder), "--seed", "1"])
    return status, "\n".join(lines), folder


def test_the_main_job_shows_every_part_in_order(job):
    status, shown, _ = job
    parts = ["1  The source", "def loss(", "The shift by the maximum", "Xᵀ(P − Y)/m + λW", "2  The proofs", "agrees in numbers",
             "3  Two handwritten gradients", "✓ proved for all sizes  gradient_by_hand", "✗ wrong  gradient_of_the_tutorial", "lacks λ W",
             "4  Training", "accuracy", "Where everything is", "report.html"]
    places = [shown.find(part) for part in parts]
    assert status == 0 and -1 not in places and places == sorted(places)
    assert shown.count("✓ proved for all sizes") == len(losses.CLAIMS) + 1 and "1/m" in shown


def test_the_folder_holds_what_was_promised(job):
    _, shown, folder = job
    names = {"report.html", "loss.png", "weights.png", "weights.npz", "derivation.tex", "gradient.py"}
    assert {path.name for path in folder.iterdir()} == names
    assert all(str(folder / name) in shown for name in names)
    assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in ("loss.png", "weights.png"))
    assert "\\end{document}" in (folder / "derivation.tex").read_text()
    run = load_run(folder / "weights.npz", data.digits(1))
    assert run.settings.seed == 1 and run.test_accuracy > 0.93 and f"{run.test_accuracy:.4f}" in shown


def test_the_written_gradient_is_the_gradient_of_the_loss_that_was_trained(job):
    scope = {}
    exec(compile(ast.parse((job[2] / "gradient.py").read_text()), "gradient.py", "exec"), scope)
    rng = np.random.default_rng(2)
    W, X, y = rng.normal(size=(4, 3)), rng.normal(size=(5, 4)), rng.integers(0, 3, 5)
    with jax.enable_x64(True):
        true = np.asarray(jax.grad(losses.loss)(W, X, y, 0.7))
    assert np.allclose(scope["grad_W"](W, X, y, 0.7), true, rtol=1e-12)


class Page(HTMLParser):
    VOID = frozenset(("meta", "img", "br"))

    def __init__(self):
        super().__init__()
        self.open, self.links, self.ids, self.math, self.images = [], [], set(), 0, []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.open += [tag] if tag not in self.VOID else []
        self.links += [found[key] for key in ("href", "src") if key in found]
        self.ids |= {found["id"]} if "id" in found else set()
        self.math += tag == "math"

    def handle_startendtag(self, tag, attributes):
        self.links += [value for key, value in attributes if key in ("href", "src")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_report_is_one_well_formed_page_that_opens_offline(job):
    text = (job[2] / "report.html").read_text()
    page = Page()
    page.feed(text)
    assert page.open == [] and page.math > 60 and "<script" not in text and "@import" not in text and "url(" not in text
    inside = [link for link in page.links if link.startswith("data:image/png;base64,")]
    local = [link for link in page.links if link not in inside and not link.startswith("#")]
    assert len(inside) == 2 and all((job[2] / link).is_file() for link in local)
    assert {link[1:] for link in page.links if link.startswith("#")} <= page.ids
    assert not re.search(r"https?://(?!www\.w3\.org/)", text)


def test_the_report_tells_every_finding(job):
    text = (job[2] / "report.html").read_text()
    for words in (*(claim.words for claim in losses.CLAIMS), "jax.grad", "agrees in numbers", "gradient_of_the_tutorial", "claimed"):
        assert words in text
    assert text.count('<span class="badge good">') == len(losses.CLAIMS) + 2 and text.count('<span class="badge bad">') == 1


def test_the_agreement_is_a_measurement():
    derivation = derive.gradient(losses.loss, "W", losses.SHAPES)
    right = main_job.agreement(derivation, losses.loss)
    assert right.good and str(len(findings.SIZES)) in str(right) and "⁻" in str(right)
    wrong = main_job.agreement(derivation, lambda W, X, y, lam: losses.loss(W, X, y, 1.01 * lam))
    assert not wrong.good and wrong.largest > 1e-4


def test_one_changed_line_changes_derivation_code_check_and_training():
    def warm(W, X, y, lam):
        z = X @ W / 2
        f = z - jnp.max(z, axis=1, keepdims=True)
        p = jnp.exp(f) / jnp.sum(jnp.exp(f), axis=1, keepdims=True)
        return jnp.mean(-jnp.log(p[jnp.arange(X.shape[0]), y])) + 0.5 * lam * jnp.sum(W**2)

    cold, digits = derive.gradient(losses.loss, "W", losses.SHAPES), data.digits(0)
    other = derive.gradient(warm, "W", losses.SHAPES)
    assert str(other.expr) != str(cold.expr) and other.numpy() != cold.numpy()
    assert main_job.agreement(other, warm).good and not main_job.agreement(other, losses.loss).good
    assert not check(losses.gradient_by_hand, warm, "W", losses.SHAPES).ok
    runs = [train(loss, digits, steps=20) for loss in (losses.loss, warm)]
    assert not np.array_equal(runs[0].losses, runs[1].losses)


@pytest.mark.parametrize("claim", losses.CLAIMS, ids=lambda claim: claim.right.__name__)
def test_a_claim_holds_in_numbers_and_its_shapes_are_those_of_its_arguments(claim):
    sizes, rng = {"m": 5, "d": 3, "k": 4}, np.random.default_rng(3)
    arrays = {}
    for name, text in claim.shapes.items():
        shape = tuple(sizes[word] for word in text.split() if word != "int")
        arrays[name] = rng.integers(0, 4, shape) if "int" in text else rng.normal(size=shape)
    with jax.enable_x64(True):
        assert np.allclose(claim.left(**arrays), claim.right(**arrays), rtol=1e-12)


def test_findings_that_are_not_as_expected_have_status_1():
    derivation = derive.gradient(losses.loss, "W", losses.SHAPES)
    right, wrong = (check(function, losses.loss, "W", losses.SHAPES) for _, function, _ in findings.HANDWRITTEN)
    good = findings.Agreement(findings.SIZES, 1e-15)
    proof = derive.prove(losses.row_sums, losses.ones, {"z": "m k"})
    found = findings.Findings(derivation, 0.1, ((losses.CLAIMS[1], proof),), good, (("a", "", right), ("b", "", wrong)), None, None)
    assert found.as_expected
    assert not replace(found, checks=(("a", "", wrong), ("b", "", wrong))).as_expected
    assert not replace(found, checks=(("a", "", right), ("b", "", right))).as_expected
    assert not replace(found, agreement=findings.Agreement(findings.SIZES, 1e-3)).as_expected
    assert not replace(found, proofs=((losses.CLAIMS[1], replace(proof, verdict="undecided")),)).as_expected


@pytest.mark.parametrize("value, shown", [(2.5e-16, "2.5·10⁻¹⁶"), (0.0, "0 at"), (0.03, "3.0·10⁻²")])
def test_small_numbers_are_readable(value, shown):
    assert shown in str(findings.Agreement(findings.SIZES, value))


def test_a_bad_folder_stops_the_main_job_before_the_work(tmp_path, capsys, monkeypatch):
    (tmp_path / "taken").write_text("")
    monkeypatch.setattr(main_job, "gradient", lambda *_: pytest.fail("the work was begun"))
    assert main(["--out", str(tmp_path / "taken")]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "taken cannot be written" in err and "--out DIR" in err and "Traceback" not in err


@pytest.mark.parametrize("module, package", [("sklearn.datasets", "scikit-learn"), ("matplotlib.figure", "matplotlib")])
def test_a_missing_extra_stops_the_main_job_before_the_work(tmp_path, capsys, monkeypatch, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(main_job, "gradient", lambda *_: pytest.fail("the work was begun"))
    assert main(["--out", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert package in err and 'pip install "derive-grad[app]"' in err


def test_a_picture_that_vanished_is_an_error_and_not_an_empty_frame(tmp_path):
    with pytest.raises(derive.BadInput, match=r"loss\.png cannot be read"):
        report._picture(tmp_path / "loss.png", "the loss")
