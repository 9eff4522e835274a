"""The command `derive`.

Exit status: 0 shown or right, 1 refuted or wrong, 2 undecided or bad input; 130 where the user interrupts.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence

import derive
from derive.app.commands import emit_command, explain_command, prove_command
from derive.app.judging import TIMEOUT, check_command
from derive.app.main_job import main_job
from derive.app.pairing import PAIRING
from derive.app.showing import SCHEMA
from derive.app.terminal import Screen
from derive.app.training import train_command
from derive.errors import DeriveError

__all__ = ["main", "parser"]

_SHAPES = "sizes by argument, such as 'W=d k; X=m d; y=int m; lam=', params.W=d k in a dict; without it: annotations, then names in common use"
_STATUS = "exit status: 0 right, 1 wrong, 2 undecided or could not run; of several 1 if any is wrong, else 2 if any is undecided"
_CHECKS = f"{PAIRING}\n\n{SCHEMA}\n\n{_STATUS}"
_WRT = "the argument to differentiate in: a name or a position; may be given several times; the first argument if left out"
_EXAMPLES = """examples:
  derive                                     the softmax classifier: derived, proved, checked, trained, and a report
  derive explain losses.py::loss --wrt W     the derivation of ∂loss/∂W
  derive check losses.py::my_gradient        is the gradient that I wrote the gradient of `loss` in that file?
  derive emit losses.py::loss --wrt W        the gradient as NumPy source
  derive prove losses.py::f losses.py::g     are the two functions equal, for all sizes?
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; nothing is raised, unless --traceback asks for tracebacks to be shown."""
    try:
        options = parser().parse_args(argv)
    except SystemExit as stop:  # argparse has printed its help or its complaint
        return int(stop.code or 0)
    try:
        status: int = options.run(options, Screen())
        sys.stdout.flush()
        return status
    except DeriveError as error:
        return _complained(str(error), error, options)
    except RecursionError as error:
        return _complained("The expression is nested too deeply to be worked out.", error, options)
    except BrokenPipeError:  # the reader of a pipe, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except KeyboardInterrupt as error:
        _complained("Interrupted.", error, options)
        return 130
    except Exception as error:  # the last resort of a program: a fault of derive itself is told as one, and not as a traceback
        told = "This is a fault of derive, and not of your file. Run it again with --traceback, and report what it shows."
        return _complained(f"{type(error).__name__}: {error}\n{told}", error, options)


def _complained(message: str, error: BaseException, options: argparse.Namespace) -> int:
    sys.stdout.flush()
    screen = Screen(sys.stderr)
    if getattr(options, "traceback", False):
        traceback.print_exception(error)
    first, *rest = message.splitlines() or [type(error).__name__]
    screen.raw(f"{screen.ink('derive:', 'bad')} {first}")
    for line in rest:  # a place stays on one line, so that it can be clicked
        screen.raw(line) if line.startswith("  at ") else screen.words(line.strip(), indent="  ")
    return 2


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--traceback", action="store_true", default=argparse.SUPPRESS, help="show Python's traceback with an error")
    top = argparse.ArgumentParser(prog="derive", parents=[common], epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
                                  description="One JAX function: derived in index notation, proved, checked, written as NumPy, trained.")
    top.add_argument("--version", action="version", version=f"derive {derive.__version__}")
    top.add_argument("--out", metavar="DIR", default="derive-out", help="where the main job and train write (default: derive-out)")
    top.add_argument("--seed", type=int, help="of the shuffled data, the initial weights and the minibatches (default: 0)")
    top.set_defaults(run=main_job)
    commands = top.add_subparsers(title="commands", metavar="COMMAND")
    _explain(commands.add_parser("explain", parents=[common], help="show the derivation of a function in a file"))
    _check(commands.add_parser("check", parents=[common], help="check handwritten gradients", epilog=_CHECKS,
                               formatter_class=argparse.RawDescriptionHelpFormatter))
    _emit(commands.add_parser("emit", parents=[common], help="print the gradient as NumPy or JAX source"))
    _prove(commands.add_parser("prove", parents=[common], help="decide whether two functions are equal for all sizes"))
    _train(commands.add_parser("train", parents=[common], help="train the softmax classifier, or a loss of yours"))
    return top


def _about_function(command: argparse.ArgumentParser, wrt: bool = True) -> None:
    if wrt:
        command.add_argument("--wrt", action="append", metavar="NAME", help=_WRT)
    command.add_argument("--shapes", metavar="TEXT", help=_SHAPES)
    command.add_argument("--assume", action="append", metavar="TEXT", help="a comparison that may be used, such as 'eps > 0'")


def _explain(command: argparse.ArgumentParser) -> None:
    command.add_argument("target", metavar="FILE.py::loss", help="the function")
    _about_function(command)
    for form in ("html", "latex", "markdown"):
        command.add_argument(f"--{form}", metavar="FILE", help=f"write the derivation as {form} to a file; - is the standard output")
    kinds = command.add_mutually_exclusive_group()
    for kind, words in (("vjp", "the backward pass of an array-valued function"), ("jacobian", "the derivative of each entry of its value"),
                        ("hessian", "the second derivative of a scalar loss")):
        kinds.add_argument(f"--{kind}", dest="kind", action="store_const", const=kind, help=words)
    command.set_defaults(run=explain_command, kind="gradient")


def _check(command: argparse.ArgumentParser) -> None:
    command.add_argument("targets", metavar="TARGET", nargs="+", help="FILE.py::function; or FILE.py or a folder, for every gradient in it")
    command.add_argument("--reference", metavar="FILE.py::loss", help="the loss, or the layer, in JAX; found by its name if left out: see below")
    _about_function(command)
    command.add_argument("--fixed", action="append", metavar="NAME=VALUE", help="a further parameter, as a Python literal: 'conv_param={\"pad\": 1}'")
    command.add_argument("--returns", action="append", metavar="NAMES", help="whose gradients are returned, in order, where it cannot be told: W,b")
    command.add_argument("--require", choices=("proved", "exact", "numeric"), help="less than this has the status 2")
    command.add_argument("--json", action="store_true", help="one JSON document on the standard output, and nothing else: see below")
    command.add_argument("--timeout", metavar="SECONDS", type=float, default=TIMEOUT,
                         help="for each target (default: 60); 0 is no limit, and runs it in this process, as a debugger needs it")
    command.set_defaults(run=check_command)


def _emit(command: argparse.ArgumentParser) -> None:
    command.add_argument("target", metavar="FILE.py::loss", help="the loss")
    _about_function(command)
    command.add_argument("--jax", action="store_true", help="jax.numpy in place of NumPy")
    command.set_defaults(run=emit_command)


def _prove(command: argparse.ArgumentParser) -> None:
    command.add_argument("left", metavar="FILE.py::f", help="one function")
    command.add_argument("right", metavar="FILE.py::g", help="the other one")
    _about_function(command, wrt=False)
    command.set_defaults(run=prove_command)


def _train(command: argparse.ArgumentParser) -> None:
    command.add_argument("target", metavar="FILE.py::loss", nargs="?", help="the loss, of W or b, X, y and lam; softmax if left out")
    command.add_argument("--data", default="digits", metavar="digits|FOLDER", help="the digits, or the folder of CIFAR-10's Python version")
    command.add_argument("--out", metavar="DIR", default=argparse.SUPPRESS, help="where to write (default: derive-out)")
    command.add_argument("--seed", type=int, default=argparse.SUPPRESS, help="fixes the run (default: 0)")
    command.add_argument("--search", action="store_true", help="try a small grid of learning rates and λ first")
    for name, kind in (("steps", int), ("batch", int), ("lr", float), ("lam", float)):
        command.add_argument(f"--{name}", type=kind, metavar="N" if kind is int else "X", help=_TRAINING[name])
    command.set_defaults(run=train_command)


_TRAINING = {"steps": "minibatches in all", "batch": "examples in each", "lr": "the learning rate", "lam": "the regulariser's strength λ"}
