import copyreg
import os
import pickle
import pickletools
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derive import data
from derive.data.extras import extra
from derive.data.pickles import read_pickle
from derive.errors import BadInput, MissingExtra
from derive.train import train

NAMES = [b"airplane", b"automobile", b"bird", b"cat", b"deer", b"dog", b"frog", b"horse", b"ship", b"truck"]
BUILDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "build_cifar10.py"


def softmax_loss(W, X, y, lam):
    return -jax.nn.log_softmax(X @ W)[jnp.arange(y.shape[0]), y].mean() + 0.5 * lam * jnp.sum(W * W)


def batch(n, seed=0):
    rng = np.random.default_rng(seed)
    return {b"data": rng.integers(0, 256, (n, 3072), dtype=np.uint8), b"labels": [int(k) for k in rng.permutation(np.arange(n) % 10)]}


def write(path, value, protocol=2):
    path.write_bytes(value if isinstance(value, bytes) else pickle.dumps(value, protocol))


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "cifar-10-batches-py"
    place.mkdir()
    for k in range(1, 6):
        write(place / f"data_batch_{k}", batch(10 + k, seed=k))
    write(place / "test_batch", batch(7))
    write(place / "batches.meta", {b"label_names": NAMES, b"num_vis": 3072})
    return place


# --- CIFAR-10 ---------------------------------------------------------------------------------------------------------------------------


def test_cifar_in_the_official_layout(folder):
    for where in (folder, folder.parent):
        found = data.cifar10(where)
        assert (len(found.train), len(found.val), len(found.test)) == (64, 1, 7)  # 65 rows, of which 2 % validate
        assert (found.features, found.classes, found.image_shape) == (3073, 10, (32, 32, 3))
        assert found.labels[3] == "cat" and found.train.X.dtype == np.float32 and found.train.y.dtype == np.int32


def test_the_mean_training_picture_is_subtracted_and_pixels_are_row_column_colour(folder):
    found = data.cifar10(folder, dtype=np.float64)
    raw = np.concatenate([batch(10 + k, seed=k)[b"data"] for k in range(1, 6)])[:64]
    np.testing.assert_allclose(found.train.X[:, :-1].mean(axis=0), 0, atol=1e-10)
    assert (found.test.X[:, -1] == 1).all()
    pixels = (found.train.X[5, :-1] + found.mean).reshape(32, 32, 3)
    np.testing.assert_allclose(pixels, raw[5].reshape(3, 32, 32).transpose(1, 2, 0), atol=1e-9)
    np.testing.assert_allclose(found.mean.reshape(32, 32, 3)[2, 7, 1], raw[:, 1024 + 2 * 32 + 7].mean())


def test_arrays_are_read_only_and_the_bias_column_is_optional(folder):
    found = data.cifar10(folder, bias=False)
    assert found.features == 3072
    with pytest.raises(ValueError, match="read-only"):
        found.train.X[0, 0] = 1.0


@pytest.mark.slow
def test_the_real_cifar_is_learned_as_well_as_in_the_tutorial(tmp_path):
    if not BUILDER.exists():
        pytest.skip("the real CIFAR-10 is not at ../shared/data")
    pytest.importorskip("PIL", reason="Pillow unpacks the real CIFAR-10")
    subprocess.run([sys.executable, str(BUILDER), str(tmp_path)], check=True, capture_output=True, timeout=300)
    found = data.load(str(tmp_path))
    assert (len(found.train), len(found.val), len(found.test), found.features) == (49000, 1000, 10000, 3073)
    assert found.labels[0] == "airplane" and (np.bincount(found.test.y) == 1000).all()
    np.testing.assert_allclose(found.train.X[:, :-1:97].mean(axis=0, dtype=np.float64), 0, atol=1e-3)
    assert found.mean.min() >= 0 and found.mean.max() <= 255
    run = train(softmax_loss, found)
    assert run.val_accuracy >= 0.38 and run.test_accuracy >= 0.38


BROKEN = {
    "lacks the key b'labels'": lambda b: {b"data": b[b"data"]},
    "holds a list": lambda b: [1, 2],
    "dtype int64 and shape": lambda b: {**b, b"data": b[b"data"].astype(np.int64)},
    r"shape \(11, 3071\)": lambda b: {**b, b"data": b[b"data"][:, 1:]},
    r"shape \(33792,\)": lambda b: {**b, b"data": b[b"data"].ravel()},
    "b'data' has type list": lambda b: {**b, b"data": [1, 2, 3]},
    "b'data' is empty": lambda b: {b"data": b[b"data"][:0], b"labels": []},
    "is 10 labels for 11 pictures": lambda b: {**b, b"labels": b[b"labels"][:-1]},
    "is a bytes for 11 pictures": lambda b: {**b, b"labels": b"12345678901"},
    "the label in row 4 is 10, out of the range 0 … 9": lambda b: {**b, b"labels": [0, 1, 2, 3, 10, 5, 6, 7, 8, 9, 0]},
    "the label in row 1 is -1": lambda b: {**b, b"labels": [0, -1, 2, 3, 1, 5, 6, 7, 8, 9, 0]},
    "the label in row 0 is a bool": lambda b: {**b, b"labels": [True] * 11},
    "the label in row 0 is a float": lambda b: {**b, b"labels": [float("nan")] * 11},
}


@pytest.mark.parametrize("match", BROKEN)
def test_a_broken_batch_is_refused(folder, match):
    write(folder / "data_batch_1", BROKEN[match](batch(11)), protocol=3)
    with pytest.raises(BadInput, match=match):
        data.cifar10(folder)


def test_one_class_a_missing_file_and_a_missing_folder(folder, tmp_path):
    with pytest.raises(BadInput, match="does not exist or is no folder"):
        data.load(str(tmp_path / "nowhere"))
    with pytest.raises(BadInput, match="does not exist or is no folder"):
        data.cifar10(folder / "test_batch")
    write(folder / "batches.meta", {b"label_names": NAMES[:9]})
    with pytest.raises(BadInput, match="no list of 10 names"):
        data.cifar10(folder)
    for k in range(1, 6):
        write(folder / f"data_batch_{k}", {**batch(11), b"labels": [3] * 11})
    with pytest.raises(BadInput, match="one class only, 3"):
        data.cifar10(folder)
    (folder / "data_batch_2").unlink()
    (folder / "batches.meta").unlink()
    with pytest.raises(BadInput, match=r"lacks data_batch_2, batches.meta"):
        data.cifar10(folder)


@pytest.mark.parametrize("keep", [0, 1, 40, 500, 30000])
def test_a_truncated_file(folder, keep):
    path = folder / "data_batch_3"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BadInput, match=r"data_batch_3 is truncated or is no pickle"):
        data.cifar10(folder)


# --- pickles ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("dtype", ["u1", "<i4", ">f8", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_every_protocol_are_read(tmp_path, protocol, dtype, order):
    array = np.asarray(np.arange(6).reshape(2, 3) % 5, dtype=dtype, order=order)
    write(tmp_path / "file", {b"a": array, b"n": [1, 2**70, -3], "t": "text", 5: None}, protocol)
    found = read_pickle(tmp_path / "file")
    np.testing.assert_array_equal(found.pop(b"a"), array)
    assert found == {b"n": [1, 2**70, -3], "t": "text", 5: None}


def test_the_address_of_numpy_1_is_known(tmp_path):
    text = pickle.dumps({b"a": np.arange(3, dtype=np.uint8)}, 2).replace(b"numpy._core", b"numpy.core")
    write(tmp_path / "file", text)
    np.testing.assert_array_equal(read_pickle(tmp_path / "file")[b"a"], [0, 1, 2])


class Calls:
    """Pickles as the call of a function."""

    def __init__(self, function, *arguments):
        self.recipe = function, arguments

    def __reduce__(self):
        return self.recipe


RECONSTRUCT = np.empty(0).__reduce__()[0]
EVIL = {
    "os": lambda flag: Calls(os.system, f"touch {flag}"),
    "eval": lambda flag: Calls(eval, f"open({str(flag)!r}, 'w')"),
    "exec": lambda flag: Calls(exec, f"open({str(flag)!r}, 'w')"),
    "open": lambda flag: Calls(open, str(flag), "w"),
    "getattr": lambda flag: Calls(getattr, "a", "upper"),
    "subprocess": lambda flag: Calls(subprocess.getoutput, f"touch {flag}"),
    "in a list": lambda flag: [1, [Calls(os.system, f"touch {flag}")]],
    "as a value": lambda flag: {**batch(3), b"x": Calls(os.system, f"touch {flag}")},
    "as labels": lambda flag: {**batch(3), b"labels": Calls(os.system, f"touch {flag}")},
    "as a key": lambda flag: {Calls(os.system, f"touch {flag}"): 1},
    "in an argument": lambda flag: Calls(RECONSTRUCT, np.ndarray, (0,), Calls(os.system, f"touch {flag}")),
    "in an object array": lambda flag: np.array([Calls(os.system, f"touch {flag}")], dtype=object),
    "numpy.load": lambda flag: Calls(np.load, str(flag)),
    "numpy's own tests": lambda flag: Calls(np.testing.assert_equal, 1, 1),
    "ndarray": lambda flag: Calls(np.ndarray, (10**12,), np.dtype("u1")),
    "reconstruct": lambda flag: Calls(RECONSTRUCT, list, (0,), b"b"),
    "a class": lambda flag: Calls,
    "a set": lambda flag: {1, 2, 3},
    "an instance": lambda flag: np.random.default_rng(0),
    "a structured array": lambda flag: np.zeros(2, dtype=[("a", "i4")]),
    "dates": lambda flag: np.zeros(2, dtype="M8[s]"),
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", EVIL)
def test_a_malicious_pickle_is_refused_and_does_nothing(folder, tmp_path, name, protocol):
    flag = tmp_path / "ran"
    write(folder / "data_batch_1", EVIL[name](flag), protocol)
    with pytest.raises(BadInput, match=r"data_batch_1: (the pickle (asks for|uses|holds)|an array of shape)"):
        data.cifar10(folder)
    assert not flag.exists()


def test_the_message_names_what_was_asked_for(tmp_path):
    write(tmp_path / "file", pickle.dumps(os.system))
    with pytest.raises(BadInput, match=rf"the pickle asks for {os.system.__module__}\.system, which is refused"):
        read_pickle(tmp_path / "file")
    write(tmp_path / "file", b"c\x1b[31mred" + b"x" * 5000 + b"\nname\n.")
    with pytest.raises(BadInput, match=r"asks for \\x1b\[31mredx+…, which") as caught:
        read_pickle(tmp_path / "file")
    assert len(str(caught.value)) < 500 and "\x1b" not in str(caught.value)


HAND = {
    # Altering what the five names stand for: BUILD on the function, on the class, on a dtype.
    "alteration of reconstruct": b"cnumpy.core.multiarray\n_reconstruct\n}X\x08\x00\x00\x00__name__I1\nsb.",
    "alteration of ndarray": b"cnumpy\nndarray\n}b.",
    "a call of ndarray": b"cnumpy\nndarray\n((I1000000000000\nttR.",
    "a dtype with fields": b"cnumpy\ndtype\n(X\x02\x00\x00\x00u1I0\nI1\ntR(I3\nX\x01\x00\x00\x00|NX\x01\x00\x00\x00aNtb.",
    "the dtype O": b"cnumpy\ndtype\n(X\x01\x00\x00\x00OI0\nI1\ntR.",
    "an encoding other than latin1": b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x05\x00\x00\x00rot13tR.",
    "array without contents": b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntX\x01\x00\x00\x00btR.",
    "the memo number 4294967295": b"Nr\xff\xff\xff\xff.",
    "the opcode EXT1": b"\x82\x01.",
    "the opcode PERSID": b"Pname\n.",
    "the opcode INST": b"(ios\nsystem\n.",
    "the opcode NEWOBJ": b"cnumpy\nndarray\n)\x81.",
    "holds 41 tuples": b"N" + b"2\x86" * 41 + b".",
    "asks for os.system": b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
    "asks for numpy.core.multiarray.scalar": b"cnumpy.core.multiarray\nscalar\n.",
    "asks for numpy.ndarray.__reduce__": b"\x80\x04\x8c\x05numpy\x8c\x12ndarray.__reduce__\x93.",
}


@pytest.mark.parametrize("match", HAND)
def test_a_pickle_made_by_hand(tmp_path, match):
    write(tmp_path / "file", HAND[match])
    with pytest.raises(BadInput, match=match):
        read_pickle(tmp_path / "file")
    assert RECONSTRUCT.__name__ == "_reconstruct"


def test_an_array_with_another_shape_than_its_bytes(tmp_path):
    text = pickle.dumps({b"a": np.arange(3, dtype=np.uint8)}, 2)
    assert text.count(b"K\x03\x85") == 1
    write(tmp_path / "file", text.replace(b"K\x03\x85", b"K\x04\x85"))
    with pytest.raises(BadInput, match=r"an array of shape \(4,\) and dtype uint8 comes with 3 bytes"):
        read_pickle(tmp_path / "file")


def test_a_registered_extension_is_refused(tmp_path):
    copyreg.add_extension("os", "getcwd", 240)
    try:
        write(tmp_path / "file", b"\x82\xf0)R.")
        with pytest.raises(BadInput, match="the opcode EXT1"):
            read_pickle(tmp_path / "file")
    finally:
        copyreg.remove_extension("os", "getcwd", 240)


SEED = pickle.dumps({b"data": np.arange(6, dtype=np.uint8).reshape(2, 3), b"labels": [1, 2]}, 2)
CODES = [opcode.code.encode("latin1") for opcode in pickletools.opcodes]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(SEED)), st.sampled_from(CODES) | st.binary(max_size=4), st.integers(0, 3)), max_size=4))
def test_whatever_the_bytes_nothing_but_bad_input_escapes(tmp_path_factory, edits):
    text = SEED
    for where, new, gone in edits:
        text = text[:where] + new + text[where + gone :]
    path = tmp_path_factory.getbasetemp() / "fuzzed"
    write(path, text)
    try:
        read_pickle(path)
    except BadInput as error:
        assert str(path) in error.met


# --- arrays and digits ------------------------------------------------------------------------------------------------------------------


def test_digits():
    found = data.load("digits", seed=3)
    assert (len(found.train), len(found.val), len(found.test)) == (1257, 270, 270)
    assert (found.features, found.classes, found.image_shape, found.labels[9]) == (65, 10, (8, 8), "9")
    np.testing.assert_allclose(found.train.X[:, :-1].mean(axis=0), 0, atol=1e-4)
    again, other = data.digits(3), data.digits(4)
    assert (again.test.X == found.test.X).all() and (other.test.y != found.test.y).any()


def test_importing_derive_loads_no_extra():
    code = "import sys, derive.data, derive.train, derive.pictures; assert not {'sklearn', 'matplotlib', 'rich'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)


def test_a_missing_extra_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtra, match=r'scikit-learn is needed for the digits[^\n]*\n.*pip install "derive-grad\[app\]"'):
        data.digits()
    with pytest.raises(MissingExtra, match="no_such_package is needed for a test"):
        extra("no_such_package.part", "a test")


@settings(max_examples=40, deadline=None)
@given(m=st.integers(4, 30), d=st.integers(1, 4), k=st.integers(2, 4), seed=st.integers(0, 99), bias=st.booleans())
def test_the_splits_are_a_partition(m, d, k, seed, bias):
    X = np.arange(m * d, dtype=np.float64).reshape(m, d)
    y = np.arange(m) % k
    try:
        found = data.from_arrays(X, y, seed=seed, bias=bias, val=0.2, test=0.3, dtype=np.float64)
    except BadInput as error:
        assert "one class only" in error.met and m < 12
        return
    rows = np.concatenate([split.X[:, :d] + found.mean for split in (found.train, found.val, found.test)])
    labels = np.concatenate([split.y for split in (found.train, found.val, found.test)])
    order = np.argsort(rows[:, 0])
    np.testing.assert_allclose(rows[order], X, atol=1e-9)
    np.testing.assert_array_equal(labels[order], y)
    np.testing.assert_allclose(found.mean, (found.train.X[:, :d] + found.mean).mean(axis=0))
    assert found.features == d + bias and found.classes == k


GOOD = np.arange(20.0).reshape(10, 2)
LABELS = np.arange(10) % 3
BAD = {
    "X has a NaN or an infinity in row 4": (np.where(GOOD == 9, np.nan, GOOD), LABELS, {}),
    r"infinity in row 0 \(10 such": (np.full((10, 2), np.inf), LABELS, {}),
    "beyond the range of 32-bit": (GOOD * 1e300, LABELS, {}),
    "X is empty: its shape is": (np.empty((0, 3)), [], {}),
    r"X is empty: its shape is \(10, 0\)": (np.empty((10, 0)), LABELS, {}),
    r"X has shape \(20,\)": (GOOD.ravel(), LABELS, {}),
    "holds no real numbers": (np.array([["a"]]), [0], {}),
    "X is no array": ([[1, 2], [3]], [0, 1], {}),
    r"y has shape \(9,\)": (GOOD, LABELS[:9], {}),
    r"y has shape \(10, 1\)": (GOOD, LABELS[:, None], {}),
    "y has dtype float64; labels are integers": (GOOD, LABELS * 1.0, {}),
    "y has the label -1 in row 0": (GOOD, LABELS - 1, {}),
    "y has the label 2 in row 2, out of the range 0 … 1": (GOOD, LABELS, {"labels": ["a", "b"]}),
    "y has the label 1000000000 in row 9": (GOOD, np.r_[LABELS[:9], 10**9], {}),
    "one class only, 1": (GOOD, np.ones(10, int), {}),
    "leave nothing to train on": (GOOD, LABELS, {"val": 0.5, "test": 0.5}),
    "val=nan": (GOOD, LABELS, {"val": float("nan")}),
    "too few for three splits": (GOOD[:2], [0, 1], {}),
    "image_shape=": (GOOD, LABELS, {"image_shape": (3, 3)}),
    "dtype=int32": (GOOD, LABELS, {"dtype": np.int32}),
    "seed=-1 is no seed": (GOOD, LABELS, {"seed": -1}),
}


@pytest.mark.parametrize("match", BAD)
def test_bad_arrays(match):
    X, y, options = BAD[match]
    with pytest.raises(BadInput, match=match):
        data.from_arrays(X, y, **options)
