"""The notebook as cells; running this file executes them and writes the notebook, so that every output is made and none is typed.

    python notebooks/build.py
"""

from __future__ import annotations

import copy
import re
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

NOTEBOOK = Path(__file__).with_name("why_is_this_the_derivative.ipynb")
VARIES = "varies"  # the tag of a cell whose output depends on the machine: it is trained in floating point
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def text(source: str) -> NotebookNode:
    """A cell of prose."""
    return new_markdown_cell(source.strip())


def code(source: str, *tags: str) -> NotebookNode:
    """A cell of code."""
    return new_code_cell(source.strip(), metadata={"tags": list(tags)} if tags else {})


CELLS = [
    text(r"""
# Why is this the derivative?

A tutorial on the softmax classifier looks up the gradient, finds two formulas for the softmax,

> if $i = j$: $\;\dfrac{\partial y_i}{\partial z_i} = y_i (1 - y_i)$, and if $i \neq j$: $\;\dfrac{\partial y_i}{\partial z_j} = -y_i y_j$,

and stops, as many of us did:

> *I wasn't able to see how these 2 formulas are also the derivative of the Softmax loss function, so anyone who is able to explain that
> I'd be really grateful.*

Here is the explanation. The two formulas are right. They are **not yet** the derivative of the loss: they are its middle link, and one more
use of the chain rule finishes it. All we need is the chain rule and the rule for quotients.

We write the loss once, as a program, and have it differentiated in front of us, one named rule at a time. Nothing is tied to three
classes or four features: the sizes stay letters. One change of letters: the tutorial calls the probabilities $y_i$ and, later, $p_k$. For
us they are always $p$, and $y$ is always the label.
"""),
    code("""
import jax
import jax.numpy as jnp
import numpy as np

import derive
"""),
    text("""
## 1. Where the two formulas come from

We have one score $z$ for each class. Softmax makes probabilities of the scores: take the exponential of each, then divide by the sum.
"""),
    code("""
def softmax(z):
    e = jnp.exp(z - jnp.max(z))
    p = e / jnp.sum(e)
    return p


jacobian = derive.jacobian(softmax, wrt="z", shapes={"z": "k"})
jacobian.part("definitions")
"""),
    text("""
The maximum looks like trouble, because a maximum has a kink. But it does nothing to the value: it is subtracted above and below the
fraction bar.
"""),
    code("""
jacobian.part("shift")
"""),
    text(r"""
Now the derivative of each probability by each score. The letter $\delta_{bc}$ (Kronecker's delta) means 1 where $b$ and $c$ are the same class
and 0 otherwise; it saves us from saying everything twice. Read the lines from top to bottom; on the right stands the rule that was used,
and below what that rule says.
"""),
    code("""
jacobian.part("from p to z")
"""),
    text(r"""
If raising a score surprises you by lowering the *other* probabilities: they share one sum, which has grown. Put 1 or 0 for the delta, and
there are the two formulas of the tutorial:
"""),
    code("""
jacobian.part("the result")
"""),
    text("""
## 2. The missing link

These are derivatives of the **probabilities**. The loss is one step further: it is the **negative logarithm** of one of them, that of the
right class. Any class might be the right one, so let us take the loss for each class $c$ in turn, as if it were right.
"""),
    code("""
def loss_if_right(z):
    p = softmax(z)
    L = -jnp.log(p)
    return L


link = derive.jacobian(loss_if_right, wrt="z", shapes={"z": "k"})
link.part("from L to")
"""),
    text(r"""
This is the whole answer, so let us read it slowly.

* The derivative of $-\log p_c$ is $-1/p_c$, and it sees no probability but $p_c$. That is what the delta says in the first part.
* The chain rule multiplies it with the derivatives of $p_c$, and those are the two formulas. Each of them has a factor $p_c$.
* So the logarithm's $1/p_c$ and the softmax's $p_c$ **cancel**. What was a product of two ugly things becomes a difference.
"""),
    code("""
link.part("the result")
"""),
    text(r"""
For the right class the derivative is its probability minus 1, for every other class just its probability: “what we said, minus what we
should have said”. A step downhill raises the right score and lowers each other one, in proportion to how much we believed in it.

Let us not take it on trust. We compare with JAX's automatic differentiation at some scores:
"""),
    code("""
z = np.array([0.3, -1.2, 2.0, 0.5])
with jax.enable_x64(True):
    print(np.allclose(link.function()(z), jax.jacobian(loss_if_right)(z), rtol=1e-12))
"""),
    text(r"""
## 3. The classifier

Now the tutorial's loss in full: $m$ examples, the rows of $X$; scores $z = XW$; the mean of the losses, and a regulariser that keeps the weights
small. `y` holds the right classes.
"""),
    code("""
def loss(W, X, y, lam):
    z = X @ W
    f = z - jnp.max(z, axis=1, keepdims=True)
    p = jnp.exp(f) / jnp.sum(jnp.exp(f), axis=1, keepdims=True)
    m = X.shape[0]
    return jnp.mean(-jnp.log(p[jnp.arange(m), y])) + 0.5 * lam * jnp.sum(W**2)


SHAPES = {"W": "d k", "X": "m d", "y": "int m", "lam": ""}
d = derive.gradient(loss, wrt="W", shapes=SHAPES)
d.part("definitions")
"""),
    text(r"""
The derivation has these sections. The first ones are what we have just seen, once for each example $i$.
"""),
    code("""
print("\\n".join(d.titles))
"""),
    text(r"""
What is new is a label. Instead of “for each class in turn” there is now one right class, $y_i$, and the delta has become
$1\lbrace c = y_i \rbrace$, which is 1 if $c$ is the right class and 0 otherwise. It is the tutorial's $p_k - 1\{y_i = k\}$:
"""),
    code("""
d.part("from the loss ℓ of one example to z")
"""),
    text(r"""
From the scores to the weights it is one more link. A weight $W_{ac}$ reaches example $i$ only through the score of class $c$, with the factor
$X_{ia}$. (`dz` is the name for what we have just found.)
"""),
    code("""
d.part("one example to W")
"""),
    text("""
Then the mean over the examples, and the regulariser:
"""),
    code("""
d.part("the mean over")
"""),
    code("""
d.part("regulariser")
"""),
    text("""
Together, entry by entry and then with matrices, and what it rests on:
"""),
    code("""
d.part("the result")
"""),
    code("""
d.part("matrix form")
"""),
    code("""
d.part("rests on")
"""),
    text("""
And as a person would write it in NumPy. The maximum is back: for numbers in a computer it matters, and we see below how much.
"""),
    code("""
print(d.numpy())
"""),
    text("""
## 4. One loss, five spellings

Others write this loss in other ways. Are they really the same?
"""),
    code("""
import inspect

from derive import losses

spellings = [losses.with_log_softmax, losses.with_one_hot, losses.with_logsumexp, losses.without_the_shift]
print("\\n\\n".join(inspect.getsource(spelling).rstrip() for spelling in spellings))
"""),
    text("""
Trying some numbers would show that they agree at those numbers. A proof shows it for all numbers and all sizes: both sides are brought to the
same normal form, as when we expand two polynomials and compare them.
"""),
    code("""
for spelling in spellings:
    proof = derive.prove(loss, spelling, SHAPES)
    print(f"loss = {spelling.__name__}: {proof.verdict}. {proof.reason}")
"""),
    text("""
Here is a whole proof, of something that we all use: the probabilities of a row add up to 1.
"""),
    code("""
print(derive.prove(losses.row_sums, losses.ones, {"z": "m k"}))
"""),
    text("""
## 5. Is the gradient that I wrote right?

This is the tutorial's code, with the mean and the regulariser in place. The check reads it as it stands, turns it into a formula, and
compares that with the derivation.
"""),
    code("""
def my_gradient(W, X, y, lam):
    num_train = X.shape[0]
    f = X.dot(W)
    f -= np.max(f, axis=1, keepdims=True)
    sum_f = np.sum(np.exp(f), axis=1, keepdims=True)
    p = np.exp(f) / sum_f
    ind = np.zeros_like(p)
    ind[np.arange(num_train), y] = 1
    Q = p - ind
    return X.T.dot(Q) / num_train + lam * W


print(derive.check(my_gradient, loss, "W", SHAPES))
"""),
    text("""
And this is a loop over the examples with two mistakes in it. It is not just called wrong: we are told what is missing and where it shows.
"""),
    code("""
def my_loop(W, X, y, lam):
    dW = np.zeros_like(W)
    for i in range(X.shape[0]):
        f = X[i].dot(W)
        p = np.exp(f - np.max(f))
        p /= np.sum(p)
        p[y[i]] -= 1
        dW += np.outer(X[i], p)
    return dW + 2 * lam * W


print(derive.check(my_loop, loss, "W", SHAPES))
"""),
    text("""
## 6. Five slips

The tutorial is a good one, and we learned from it. Five small things in it, and in an answer below it, are not quite so. They are the kind that
all of us write, and each deserves a counterexample and a correction. On the left is what is
said, on the right what is so, each as a function with the answer that it gets. The first lines of the classifier's gradients are the same:
"""),
    code('''
from html import escape

from IPython.display import HTML

from proofs import slips


def column(words, function, answer):
    texts = inspect.getsource(function), answer.words.partition("\\n  compared")[0]
    blocks = "<hr>".join(f"<pre style='font-family: monospace; white-space: pre-wrap'>{escape(text)}</pre>" for text in texts)
    return f"<td style='text-align: left; vertical-align: top'><p>{escape(words)}</p>{blocks}</td>"


def side_by_side(slip, wrong, right):
    heads = "".join(f"<th style='text-align: left; width: 50%'>{head}</th>" for head in ("What the text says", "What is so"))
    columns = column(slip.says, wrong, slip.found()) + column(slip.truth, right, slip.corrected())
    return HTML(f"<table style='width: 100%; table-layout: fixed'><tr>{heads}</tr><tr>{columns}</tr></table>")


print(inspect.getsource(slips.mistakes))
'''),
    text("""
### A sum too many
"""),
    code("""
side_by_side(slips.regulariser, slips.with_a_sum, slips.right)
"""),
    text("""
### Two signs

The quotient rule subtracts. This is from the one answer that the question got.
"""),
    code("""
side_by_side(slips.quotient_rule, slips.quotient_with_plus, slips.quotient_with_minus)
"""),
    text("""
### Two things that the snippet leaves out
"""),
    code("""
side_by_side(slips.snippet_without_mean, slips.snippet, slips.right)
"""),
    text("""
### The side that W stands on
"""),
    code("""
side_by_side(slips.sides, slips.code_for_the_prose, slips.transposed)
"""),
    text("""
### Normalising is not shifting

The two functions are equal for all real numbers; that is proved on the right. A computer has no real numbers, only some of them, and at large
scores one of the two functions fails there.
"""),
    code("""
side_by_side(slips.normalising, slips.normalised, slips.normalised_and_shifted)
"""),
    text("""
## 7. It learns

A gradient is there to be walked down. These are handwritten digits, 8 × 8 pixels each.
"""),
    code("""
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

plt.figure(figsize=(7, 1))
plt.imshow(np.hstack(load_digits().images[:10]), cmap="gray_r")
plt.axis("off")
plt.show()
""", VARIES),
    text("""
The function that is trained is the very `loss` that was differentiated above, by minibatch gradient descent.
"""),
    code("""
import tempfile
from pathlib import Path

from IPython.display import Image

from derive import data, pictures, train

digits = data.digits()
run = train.train(loss, digits)
folder = Path(tempfile.mkdtemp())
Image(pictures.loss_curve(run, folder / "loss.png"), width=640)
""", VARIES),
    text("""
Each class has a column of weights with one weight for each pixel, so we can look at it as a picture. Bright pixels speak for the class, dark ones
against it. Find the hole in the middle of the zero.
"""),
    code("""
Image(pictures.weight_templates(run.parameters["W"], digits, folder / "weights.png"), width=640)
""", VARIES),
    text("""
And once more without automatic differentiation, with nothing but the NumPy gradient that we read in section 3:
"""),
    code("""
gradient = d.function()
W = np.zeros_like(run.parameters["W"])
for step in range(300):
    W -= 0.1 * gradient(W, digits.train.X, digits.train.y, 1e-3)
right = np.argmax(digits.test.X @ W, axis=1) == digits.test.y
print(f"{right.mean():.1%} of {right.size} digits that it has never seen are recognised")
""", VARIES),
    text("""
## 8. And now yours

Nothing above knew about softmax: the rules are those of calculus, and they take any loss that is made of the same kind of operations. The neighbour in
the same course is the support vector machine, with margins in place of probabilities:
"""),
    code("""
def hinge(W, X, y):
    m = X.shape[0]
    s = X @ W
    margins = jnp.maximum(0, s - s[jnp.arange(m), y][:, None] + 1)
    return jnp.mean(jnp.sum(margins, axis=1) - 1)


svm = derive.gradient(hinge, wrt="W", shapes={"W": "d k", "X": "m d", "y": "int m"})
svm.part("the result")
"""),
    text("""
With $\\mathrm{ds}$ for the derivative in the scores. $H$ counts the margins that are violated: it is 1 right of 0 and 0 left of it. On the kink itself there is
no derivative, and the derivation says what is taken there:
"""),
    code("""
svm.part("derivatives by name")
"""),
    code("""
svm.part("conventions")
"""),
    code("""
print(svm.numpy())
"""),
    text("""
So write down a loss of your own and look at `derive.gradient(...)`, or at a gradient of your own with `derive.check(...)`. A whole derivation is shown by
naming it (`d` in a cell), and by `derive explain my_file.py::my_loss` in a terminal. A good first exercise: put a temperature into the
softmax, `z / t`, and guess before you look where the `t` turns up.
"""),
]


def notebook() -> NotebookNode:
    """The cells, without outputs, each with an id of its own that is the same every time."""
    cells = copy.deepcopy(CELLS)
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number:02}"
    return new_notebook(cells=cells, metadata={"kernelspec": _KERNEL, "language_info": {"name": "python"}})


def execute(book: NotebookNode, timeout: int = 60) -> NotebookNode:
    """Run all cells with this Python, whatever kernels are installed, and keep what does not depend on the moment.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised an error.
    """
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    book = NotebookClient(book, timeout=timeout, km=manager, record_timing=False, coalesce_streams=True).execute(cleanup_kc=True)
    book.metadata = {"kernelspec": _KERNEL, "language_info": {"name": "python"}}
    return book


def outputs(cell: NotebookNode) -> list[str]:
    """The texts that a cell put out, pictures and warnings left out; lines of a stream that arrived in pieces are joined."""
    streams = "".join(out.text for out in cell.outputs if out.output_type == "stream" and out.name == "stdout")
    shown = [out.data[kind] for out in cell.outputs if "data" in out for kind in sorted(out.data) if kind.startswith("text/")]
    return [re.sub(r"0x[0-9a-f]+", "0x", one) for one in (streams, *shown)]


if __name__ == "__main__":
    nbformat.write(execute(notebook()), NOTEBOOK)
    print(f"{NOTEBOOK}: {NOTEBOOK.stat().st_size // 1024} KiB")
