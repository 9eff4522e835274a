import math
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derive import data, pictures
from derive.data.archive import write_archive
from derive.errors import BadInput, MissingExtra
from derive.train import DEFAULTS, Diverged, Run, Settings, load_run, save_run, search, train


def softmax_loss(W, X, y, lam):
    z = X @ W
    z = z - z.max(axis=1, keepdims=True)
    p = jnp.exp(z) / jnp.exp(z).sum(axis=1, keepdims=True)
    return -jnp.log(p[jnp.arange(y.shape[0]), y]).mean() + 0.5 * lam * jnp.sum(W * W)


def two_layers(W1, b1, W2, b2, X, y, lam):
    z = jnp.maximum(X @ W1 + b1, 0) @ W2 + b2
    data_loss = -jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1).mean()
    return data_loss + lam * (jnp.sum(W1**2) + jnp.sum(W2**2))


def with_bias(W, b, X, y):
    return -jax.nn.log_softmax(X @ W + b)[jnp.arange(y.shape[0]), y].mean()


def two_layer_scores(parameters, X):
    return jnp.maximum(X @ parameters["W1"] + parameters["b1"], 0) @ parameters["W2"] + parameters["b2"]


@pytest.fixture(scope="module")
def digits():
    return data.digits(0)


@pytest.fixture(scope="module")
def clouds():
    """Three well separated clouds in four dimensions."""
    rng = np.random.default_rng(5)
    y = np.arange(150) % 3
    return data.from_arrays(rng.normal(size=(150, 4)) + 4 * np.eye(3, 4)[y], y, seed=1)


# --- what training does -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1])
def test_the_default_setting_learns_the_digits(seed):
    run = train(softmax_loss, data.digits(seed), seed=seed)
    assert min(run.test_accuracy, run.val_accuracy) > 0.93 and run.train_accuracy > 0.97
    assert run.losses.shape == (1000,) and abs(run.losses[0] - math.log(10)) < 0.05 and run.losses[-100:].mean() < 0.2
    assert run.settings == Settings(**{**vars(DEFAULTS["digits"]), "seed": seed}) and 0 < run.seconds < 60


def test_each_step_is_gradient_descent_with_momentum(clouds):
    """Full batches, against NumPy in 64-bit: W ← W + v, v ← μ v − η ∇."""
    W = start = np.linspace(-1, 1, 15).reshape(5, 3)
    run = train(softmax_loss, clouds, parameters={"W": start}, steps=7, batch=10**6, lr=0.3, lam=0.02, momentum=0.8)
    X, y = clouds.train.X.astype(np.float64), clouds.train.y
    v, losses = np.zeros_like(W), []
    for _ in range(7):
        p = np.exp(X @ W)
        p /= p.sum(axis=1, keepdims=True)
        losses.append(-np.log(p[np.arange(len(y)), y]).mean() + 0.01 * (W**2).sum())
        v = 0.8 * v - 0.3 * (X.T @ (p - np.eye(3)[y]) / len(y) + 0.02 * W)
        W = W + v
    np.testing.assert_allclose(run.parameters["W"], W, rtol=1e-4)
    np.testing.assert_allclose(run.losses, losses, rtol=1e-4)


def test_minibatches_are_rows_of_the_training_split(clouds):
    """A loss that tells an entry of the row drawn: each is one of the rows, none is left out, and examples and labels stay together."""
    X, y = clouds.train.X, clouds.train.y.astype(np.float32)
    run = train(lambda w, X, y: X[0, 0] + 128 * y[0] + 0 * w.sum(), clouds, steps=1500, batch=1)
    assert set(run.losses) == set(X[:, 0] + 128 * y)


def test_the_same_seed_gives_the_same_bits(digits):
    runs = [train(softmax_loss, digits, steps=120, seed=seed) for seed in (4, 4, 5)]
    assert runs[0].parameters["W"].tobytes() == runs[1].parameters["W"].tobytes()
    assert runs[0].losses.tobytes() == runs[1].losses.tobytes()
    assert (runs[0].losses != runs[2].losses).any()


def test_a_run_is_the_beginning_of_a_longer_one(clouds):
    """The loop is cut into chunks for the reports; a step depends on the seed and its number alone."""
    short, long = (train(softmax_loss, clouds, steps=steps, batch=8, lr=0.01) for steps in (37, 331))
    np.testing.assert_allclose(short.losses, long.losses[:37], rtol=1e-5)


def test_sixty_four_bits_switched_on_change_nothing(clouds):
    plain = train(softmax_loss, clouds, steps=30)
    with jax.enable_x64(True):
        wide = train(softmax_loss, clouds, steps=30)
    assert wide.parameters["W"].dtype == np.float32
    np.testing.assert_allclose(wide.parameters["W"], plain.parameters["W"], atol=1e-5)


def test_a_two_layer_network_trains(digits):
    shapes = {"W1": (digits.features, 20), "b1": (20,), "W2": (20, 10), "b2": (10,)}
    run = train(two_layers, digits, parameters=shapes, scores=two_layer_scores, lr=0.01, momentum=0.9, lam=1e-4, epochs=40)
    assert run.test_accuracy > 0.9 and {name: value.shape for name, value in run.parameters.items()} == shapes
    assert run.settings.steps == round(40 * 1257 / 128)


def test_binary_scores_a_bias_and_other_names(clouds):
    y = (clouds.train.y > 0).astype(int)
    binary = data.from_arrays(clouds.train.X[:, :4], y, bias=False)

    def logistic(w, b, inputs, labels, reg=0.0, sharp=1.0):
        s = sharp * (inputs @ w + b)
        return jnp.mean(jnp.logaddexp(0.0, s) - labels * s) + reg * w @ w

    options = {"inputs": ("inputs", "labels"), "parameters": {"w": (4,), "b": (1,)}, "scores": lambda p, X: X @ p["w"] + p["b"]}
    run = train(logistic, binary, lr=0.3, lam=1e-3, scalars={"sharp": 2.0}, **options)
    assert run.test_accuracy > 0.85 and run.parameters["w"].shape == (4,)
    both = train(with_bias, clouds, lr=0.05)
    assert both.test_accuracy > 0.9 and both.parameters["b"].shape == (3,) and both.parameters["b"].any()


def test_one_changed_line_changes_the_run(clouds):
    def tempered(W, X, y, lam):
        return softmax_loss(W / 2, X, y, lam)

    start = {"W": np.zeros((5, 3))}
    plain, other = (train(loss, clouds, steps=1, batch=200, lr=0.1, lam=0.0, parameters=start) for loss in (softmax_loss, tempered))
    np.testing.assert_allclose(other.parameters["W"], plain.parameters["W"] / 2, rtol=1e-5)  # the temperature halves the first step
    assert plain.parameters["W"].any()


def test_progress_is_told_about_fifty_times(clouds):
    told = []
    run = train(softmax_loss, clouds, steps=203, progress=lambda *report: told.append(report))
    assert 50 <= len(told) <= 55 and told[-1] == (203, 203, float(run.losses[-1]))
    assert [step for step, _, _ in told] == sorted({step for step, _, _ in told})


def test_a_search_finds_the_good_setting(digits):
    told = []
    found = search(softmax_loss, digits, lr=[1e-6, 1e-2, 1e30], lam=[0.0, 1e-3], steps=150, progress=told.append)
    assert list(found.trials) == told and len(told) == 6
    assert [trial.diverged for trial in told] == [False] * 4 + [True] * 2
    assert found.best.settings.lr == 1e-2 and found.best.val_accuracy == max(trial.val_accuracy for trial in told) > 0.9
    alone = train(softmax_loss, digits, settings=found.best.settings)
    np.testing.assert_array_equal(alone.parameters["W"], found.best.parameters["W"])


# --- what is refused --------------------------------------------------------------------------------------------------------------------


def test_a_diverging_run_stops_and_says_so(digits):
    told = []
    with pytest.raises(Diverged, match=r"(?s)The loss became (nan|inf) at step \d+, with lr=1e\+20.*such as lr=1e\+19"):
        train(softmax_loss, digits, lr=1e20, steps=500, progress=lambda *report: told.append(report))
    assert len(told) < 5
    with pytest.raises(Diverged, match="W is no longer finite"):
        train(lambda W, X, y: 1e30 * W.sum(), digits, lr=1e20, steps=1)
    with pytest.raises(BadInput, match="None of 2 settings gave a finite loss"):
        search(softmax_loss, digits, lr=[1e20, 1e25], lam=[1.0], steps=20)


SETTINGS = {
    "steps": [0, 1.5, True, "3"],
    "batch": [0, -1],
    "lr": [0, -1, math.nan, math.inf, "a"],
    "lam": [-1, None],
    "momentum": [1, -0.1],
    "seed": [-1, 0.5],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in SETTINGS.items() for value in values])
def test_settings_that_mean_nothing(clouds, name, value):
    with pytest.raises(BadInput, match=f"^{name}=.* is no setting to train with"):
        train(softmax_loss, clouds, **{name: value})


@pytest.mark.parametrize(
    ("match", "options"),
    [
        ("takes no argument named V", {"parameters": {"V": (5, 3)}}),
        ("takes no argument named T, labels", {"scalars": {"T": 1.0}, "inputs": ("X", "labels")}),
        ("neither a shape nor an array of finite", {"parameters": {"W": (5, -3)}}),
        ("neither a shape nor an array of finite", {"parameters": {"W": [[math.nan]]}}),
        ("neither a shape nor an array: ", {"parameters": {"W": "d k"}}),
        ("softmax_loss cannot be run on this data: TypeError.*\n.*test_train.py, line \\d+: z = X @ W", {"parameters": {"W": (4, 3)}}),
        ("no setting named rate", {"rate": 1.0}),
        ("Pass one of steps and epochs", {"steps": 3, "epochs": 2}),
        ("Pass one of steps and epochs", {"epochs": math.nan}),
        ("cannot be run on this data: (Type|Value)Error", {"batch": 7, "scalars": {"lam": 0.0}, "parameters": {"W": np.ones((5, 3, 2))}}),
        ("scores gives predictions of shape", {"scores": lambda parameters, X: parameters["W"]}),
        ("cannot be run on this data: KeyError", {"scores": lambda parameters, X: X @ parameters["V"]}),
    ],
)
def test_arguments_that_do_not_fit(clouds, match, options):
    with pytest.raises(BadInput, match=match):
        train(softmax_loss, clouds, **options)


def test_losses_that_cannot_be_trained(clouds):
    with pytest.raises(BadInput, match=r"What is the argument V of the loss\(V, X, y\)"):
        train(lambda V, X, y: 0.0, clouds)
    with pytest.raises(BadInput, match="has nothing to learn"):
        train(lambda X, y: 0.0, clouds)
    with pytest.raises(BadInput, match="is no function with a signature"):
        train(3, clouds)
    with pytest.raises(BadInput, match=r"The loss returns .*shape=\(5, 3\).*one real number is needed"):
        train(lambda W, X, y: W, clouds)
    with pytest.raises(BadInput, match="The loss returns None"):
        train(lambda W, X, y: None, clouds)
    with pytest.raises(BadInput, match=r"cannot be run on this data: TypeError: .*\n.*test_train.py, line"):
        train(lambda W, X, y: (X[:, 0] + jnp.ones(3)).sum() + W.sum(), clouds, batch=4)  # fits batches of 3 and 1 alone
    with pytest.raises(BadInput, match="takes no argument named lam"):
        train(lambda W, X, y: softmax_loss(W, X, y, 0.0), clouds, lam=0.1)
    with pytest.raises(BadInput, match=r"Nothing tells how W1 .*, W2 .* predict"):
        train(lambda W1, W2, X, y: jnp.sum(X @ W1 @ W2), clouds, parameters={"W1": (5, 2), "W2": (2, 3)})
    with pytest.raises(BadInput, match=r"cannot be run on this data: TracerBoolConversionError"):
        train(lambda W, X, y: W.sum() if W.sum() > 0 else 0.0, clouds)


# --- files ------------------------------------------------------------------------------------------------------------------------------


def test_a_run_is_saved_and_loaded(clouds, tmp_path):
    run = train(softmax_loss, clouds, steps=11, lr=np.float32(0.1), seed=np.int64(3))
    back = load_run(save_run(run, tmp_path / "new" / "weights.npz"), clouds)
    for name in Run.__dataclass_fields__:
        if name not in ("parameters", "losses"):
            assert getattr(back, name) == getattr(run, name)
    np.testing.assert_array_equal(back.parameters["W"], run.parameters["W"])
    np.testing.assert_array_equal(back.losses, run.losses)


def test_files_that_hold_no_run(clouds, digits, tmp_path):
    run = train(softmax_loss, clouds, steps=2)
    path = save_run(run, tmp_path / "run.npz")
    with pytest.raises(BadInput, match=r"was trained on arrays \(5 × 3\), and the data is digits \(65 × 10\)"):
        load_run(path, digits)
    with pytest.raises(BadInput, match="does not exist"):
        load_run(tmp_path / "none.npz")
    with pytest.raises(BadInput, match="is broken or holds no saved run"):
        load_run(tmp_path)
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(BadInput, match="cannot be written"):
        save_run(run, blocked / "run.npz")
    for facts in ({}, {"settings": 3}, {"settings": {"steps": -1}}):
        with pytest.raises(BadInput, match="holds no saved run"):
            load_run(write_archive(tmp_path / "other.npz", {"losses": run.losses}, facts))
    np.savez(tmp_path / "objects.npz", metadata=np.array([{}], dtype=object))
    with pytest.raises(BadInput, match="is broken or holds no saved run"):
        load_run(tmp_path / "objects.npz")


@settings(max_examples=60, deadline=None)
@given(cut=st.floats(0, 1), noise=st.binary(max_size=30))
def test_a_damaged_file_never_escapes_as_something_else(tmp_path_factory, cut, noise):
    arrays = {"losses": np.ones(4, np.float32), "parameter.W": np.ones((2, 3), np.float32)}
    path = write_archive(tmp_path_factory.getbasetemp() / "damaged.npz", arrays, {"settings": {}})
    raw = path.read_bytes()
    place = int(cut * len(raw))
    path.write_bytes(raw[:place] + noise + raw[place + 2 * len(noise) :])
    with pytest.raises(BadInput, match=r"damaged\.npz"):
        load_run(path)


# --- pictures ---------------------------------------------------------------------------------------------------------------------------


def _pixels(path):
    assert path.read_bytes().startswith(b"\x89PNG")
    return pytest.importorskip("matplotlib.image").imread(path)[..., :3]


def test_pictures(digits, clouds, tmp_path, monkeypatch):
    run = train(softmax_loss, digits, steps=60)
    curve = _pixels(pictures.loss_curve(run, tmp_path / "deep" / "loss.png"))
    assert curve.shape == (600, 1050, 3) and (curve < 0.9).any(axis=2).mean() > 0.005
    assert _pixels(pictures.loss_curve(train(softmax_loss, clouds, steps=1), tmp_path / "one.png")).shape == (600, 1050, 3)
    for W in (run.parameters["W"], run.parameters["W"][:-1]):
        pictures.weight_templates(W, digits, tmp_path / f"{len(W)}.png")
    np.testing.assert_array_equal(_pixels(tmp_path / "65.png"), _pixels(tmp_path / "64.png"))  # the bias row is not drawn
    with pytest.raises(BadInput, match=r"W has shape \(10, 65\); \(64, 10\) or one row more"):
        pictures.weight_templates(run.parameters["W"].T, digits, tmp_path / "w.png")
    with pytest.raises(BadInput, match="are no pictures"):
        pictures.weight_templates(np.ones((5, 3)), clouds, tmp_path / "w.png")
    with pytest.raises(BadInput, match="NaN or an infinity"):
        pictures.weight_templates(np.full((64, 10), np.nan), digits, tmp_path / "w.png")
    with pytest.raises(BadInput, match="cannot be written"):
        pictures.loss_curve(run, tmp_path / "one.png" / "loss.png")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match="matplotlib is needed for the pictures"):
        pictures.loss_curve(run, tmp_path / "loss.png")


def test_a_template_shows_its_own_pixels(tmp_path):
    """One bright red pixel, in the right place and colour, on mid-grey."""
    rng = np.random.default_rng(0)
    scenes = data.from_arrays(rng.integers(0, 256, (40, 6 * 4 * 3)), np.arange(40) % 2, labels=["left", "right"], image_shape=(6, 4, 3))
    W = np.zeros((6, 4, 3, 2))
    W[1, 3, 0, 1] = 2.0
    picture = _pixels(pictures.weight_templates(W.reshape(72, 2), scenes, tmp_path / "w.png"))
    red = (picture[..., 0] > 0.9) & (picture[..., 1] < 0.6)
    rows, columns = np.nonzero(red)
    assert rows.size > 50 and columns.min() > 0.75 * picture.shape[1] and rows.max() < 0.5 * picture.shape[0]
    assert np.ptp(rows) < picture.shape[0] / 5 and np.ptp(columns) < picture.shape[1] / 5
