"""``fastgrad train``."""

import argparse
import shlex
import sys
from typing import TYPE_CHECKING, Any

from fastgrad.cli.launch import count, start
from fastgrad.cli.parser import USAGE_ERROR, complain

if TYPE_CHECKING:
    from fastgrad.cli.parser import Commands

PROG = "fastgrad train"
DESCRIPTION = """\
Train a classifier, test it, and write weights, history and pictures to a folder.

fastgrad train alone trains a softmax regression on 1,797 handwritten digits that come with
fastgrad, in seconds and without a network. Ctrl-C keeps the state; --resume goes on from it
with the settings of that run."""
EPILOG = """\
models:
  softmax     softmax regression (the default)
  mlp         a multilayer perceptron with one hidden layer of 256 ReLU units
  lenet       the convolutional network LeNet-5; images of other sizes are enlarged to 28x28
  logistic    logistic regression: one class (--positive) against the others
  linear      linear regression by least squares: of the last column of a table, or of the
              indicators of the classes of images
  perceptron  Rosenblatt's perceptron; one sample a step unless --batch-size says otherwise

data:
  digits                 8x8 digits, shipped with fastgrad (the default)
  mnist, fashion-mnist   from $FASTGRAD_DATA/NAME where set, otherwise downloaded once to the cache
  FOLDER                 the four IDX files of MNIST's layout, .gz or not
  TABLE                  numbers in a .csv, .tsv, .dat or .txt file, the last column the target; a
                         fifth of the rows is held out, the features are standardised

The test data serve for the held-out curve and for the final report; no choice depends on them.
A folder's finished run is replaced once the new one has succeeded; an unfinished one is kept."""


def add_command(commands: "Commands") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "train",
        help="train a classifier and write weights, history and pictures",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,  # so that --resume knows what was given
    )
    add = parser.add_argument
    add("--model", metavar="NAME", help="one of the models below (default: softmax)")
    add("--data", metavar="DATA", help="one of the data below (default: digits)")
    add("--epochs", type=int, metavar="N", help="passes through the data (30; 10 on MNIST sets)")
    add("--batch-size", type=int, metavar="N", help="samples a step (64; 1 for the perceptron)")
    add("--lr", type=float, metavar="RATE", help="learning rate (depends on the model)")
    add("--momentum", type=float, metavar="M", help="momentum of SGD (0)")
    add("--seed", type=int, metavar="N", help="seed of weights and shuffling (0)")
    add("--device", metavar="NAME", help="where to compute: cpu, cuda")
    add("--positive", type=int, metavar="N", help="the class that logistic looks for (1)")
    add("--out", metavar="DIR", help="folder of the results (runs/DATA-MODEL)")
    add("--nproc", type=count, metavar="N", help="processes that share each batch, over MPI (1)")
    add("--report", action="store_true", help="also write report.html, a page for a browser")
    add("--resume", action="store_true", help="go on from the checkpoint in DIR")
    parser.set_defaults(command=train)


def train(options: argparse.Namespace) -> int:
    """Run the command and return its exit code."""
    from fastgrad.train import SettingsError, TrainError, TrainingInterrupted, run

    given = {name: value for name, value in vars(options).items() if name != "command"}
    processes = given.pop("nproc", 1)
    rank = join_the_others()
    say = complain if not rank else lambda prog, message: None  # the first speaks for all
    try:
        if processes > 1 and rank is None:
            return train_together(given, processes)
        run(**given)
    except SettingsError as error:
        say(PROG, error)
        return USAGE_ERROR
    except TrainingInterrupted as stop:
        say(PROG, stop)
        folder = shlex.quote(str(stop.checkpoint.parent))
        if not rank:
            print(f"To go on: {PROG} --resume --out {folder}", file=sys.stderr)
        return 128 + stop.signum
    except (TrainError, OSError, FloatingPointError) as error:
        say(PROG, error)
        return 1
    return 0


def join_the_others() -> int | None:
    """Join the ranks that MPI's launcher started with this one; None where it was started alone."""
    from fastgrad.distributed.mpi import started_as

    rank, size = started_as() or (0, 1)
    if size == 1:
        return None
    from fastgrad.distributed import init_process_group

    init_process_group()
    return rank


def train_together(given: dict[str, Any], processes: int) -> int:
    """Run the command as several processes, once its settings were checked."""
    from fastgrad.train.settings import make_settings

    settings = {
        name: value for name, value in given.items() if name not in ("out", "report", "resume")
    }
    if not given.get("resume"):
        make_settings(settings)
    program = [sys.executable, "-m", "fastgrad", "train"]
    for name, value in given.items():
        flag = f"--{name.replace('_', '-')}"
        program += [flag] if value is True else [flag, str(value)]
    return start(PROG, program, processes)
