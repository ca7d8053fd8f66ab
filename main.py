"""The table of commands: `main.py COMMAND --help` tells more about each.

A user's mistake becomes one line on standard error and the exit code of `pose/errors.py`; a bug
shows its traceback and exits with 70; Ctrl-C exits with 130.
"""

from __future__ import annotations

import ast
import difflib
import errno
import importlib
import importlib.util
import io
import logging
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

try:
    from rich.logging import RichHandler

    from app.command_line import CONFIG_FLAG, parse
    from app.pipeline.progress import TALK
    from app.pipeline.stuck import left_behind
    from pose.errors import (
        EXIT_BUG,
        EXIT_INTERRUPTED,
        OutputError,
        PoseAppError,
        UnavailableError,
        UsageError,
        masked,
    )
except KeyboardInterrupt:  # the packages take a while to come, and nothing is at work yet
    raise SystemExit(130) from None

_REFUSALS = frozenset({errno.ENOSPC, errno.EIO, errno.EBADF})  # what a place to print to says
EXIT_TERMINATED = 143  # 128 + SIGTERM, as a shell says it

# command -> module with a docstring, a frozen dataclass `Config` and `run(config)`, imported late
COMMANDS = {
    "gui": "app.gui.command",  # which alone may import Qt, so its command stands there too
    "demo": "app.commands.demo",
    "video": "app.commands.video",
    "live": "app.commands.live",
    "benchmark": "app.commands.benchmark",
    "doctor": "app.commands.doctor",
    "evaluate": "evaluation.evaluate",
    "robustness": "evaluation.robustness",
    "pareto": "evaluation.pareto",
    "worst": "evaluation.worst",
    "ablate": "evaluation.ablate",
    "ingredients": "evaluation.ingredients",
    "train": "training.train",
    "networks": "evaluation.networks",
    "build": "build_engine.build",
    "gpu": "evaluation.gpu",
}

WITHOUT_ARGUMENTS = "gui"

# package that a command may lack -> extra that installs it
EXTRAS = {
    "PyQt5": "gui",
    "mss": "gui",
    "pyqtgraph": "gui",
    "faster_coco_eval": "evaluate",
    "onnx": "train",
    "openvino": "peers",
    "pycuda": "trt",
    "pyvirtualcam": "virtual-camera",
    "safetensors": "train",
    "tensorboard": "train",
    "tensorrt": "trt",
    "torch": "train",
}


def main(arguments: Sequence[str]) -> int:
    """Run one command; answers the exit code and never raises."""
    try:
        return _run(arguments)
    except PoseAppError as error:
        _say(f"error: {error}")
        return error.exit_code
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else EXIT_BUG if end.code else 0
    except KeyboardInterrupt:
        _say("interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # `main.py … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OutputError.exit_code
    except OSError as error:
        if error.errno not in _REFUSALS or error.filename is not None:
            return _bug()
        _say(f"error: standard output cannot be written: {error.strerror}")
        return OutputError.exit_code
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            return _bug()
        _say(f"error: this needs the package {error.name}; run: pip install -e '.[{extra}]'")
        return UnavailableError.exit_code
    except Exception:
        return _bug()


def summary(command: str) -> str:
    """The first line of a command's docstring, read without importing the command."""
    spec = importlib.util.find_spec(COMMANDS[command])
    if spec is None or spec.origin is None:
        return ""
    text = ast.get_docstring(ast.parse(Path(spec.origin).read_text("utf-8"))) or ""
    return text.partition("\n")[0]


def _run(arguments: Sequence[str]) -> int:
    command, *rest = arguments or [WITHOUT_ARGUMENTS]
    if command in ("-h", "--help"):
        sys.stdout.write(_table())
        return 0
    if command not in COMMANDS:
        near = difflib.get_close_matches(command, COMMANDS, n=1)
        hint = f"; perhaps {near[0]}" if near else ""
        raise UsageError(f"expected a command of {', '.join(COMMANDS)}, got {command!r}{hint}")
    module = importlib.import_module(COMMANDS[command])
    config = parse(module.Config, rest, f"main.py {command}", module.__doc__ or "")
    return module.run(config) or 0


def _table() -> str:
    width = max(map(len, COMMANDS))
    rows = [f"  {command:{width}}  {summary(command)}" for command in COMMANDS]
    return "\n".join(
        [
            f"usage: main.py [COMMAND [FLAGS]]      without a command: {WITHOUT_ARGUMENTS}",
            "",
            *rows,
            "",
            f"main.py COMMAND --help shows its flags; {CONFIG_FLAG} FILE reads them from TOML.",
            "",
        ]
    )


def _bug() -> int:
    sys.stderr.write(masked(traceback.format_exc()))
    _say("this is a bug in the program; please report it with the lines above")
    return EXIT_BUG


def _say(line: str) -> None:
    sys.stderr.write(masked(line) + "\n")


class _Masked(logging.Formatter):
    """Hides passwords of URLs in whatever is logged, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


def _log_to_stderr() -> None:
    handler: logging.Handler = logging.StreamHandler()  # one line stays one line in a log file
    if TALK.is_terminal:
        handler = RichHandler(console=TALK, show_time=False, show_path=False, markup=False)
    handler.setFormatter(_Masked("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("libav").setLevel(logging.CRITICAL)  # sources tell damage in one line


def _open_outputs() -> None:
    """Whatever was closed or speaks little, every word finds a way out."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # `main.py … >&-`
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _terminate(number: int, frame: FrameType | None) -> None:
    sys.exit(EXIT_TERMINATED)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _terminate)
    _open_outputs()
    _log_to_stderr()
    code = main(sys.argv[1:])
    if left_behind():  # inside a library; the interpreter's own end would crash it
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
