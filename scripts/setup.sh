#!/bin/sh
# Makes .venv and installs this project into it: `scripts/setup.sh run` for the application,
# `scripts/setup.sh gui` for its window too, `scripts/setup.sh dev` for tests, checks and training as
# well. Called by make; may be run again.
set -eu
cd "$(dirname "$0")/.."
level=${1:-run}
python=${PYTHON:-python3}
venv=.venv

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 69; }

command -v "$python" >/dev/null ||
    fail "expected Python >= 3.10, found no $python; install it, or: PYTHON=/path/to/python make ..."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    fail "expected Python >= 3.10, got $("$python" --version 2>&1); PYTHON=/path/to/newer make ..."

has() { "$python" -c "import $1" 2>/dev/null; }

# Debian's python3 brings no ensurepip, which venv needs, until python3-venv is installed.
make_venv() {
    rm -rf "$venv"
    if ! has ensurepip && has virtualenv; then
        "$python" -m virtualenv --quiet "$venv"
        return
    fi
    if ! has ensurepip && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing Debian's python3-venv, without which $python makes no environments"
        { apt-get update &&
            DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-venv
        } >/dev/null
    fi
    has ensurepip || fail "$python makes no environments yet; as root run: apt-get install python3-venv"
    "$python" -m venv "$venv"
}

pip() { "$venv/bin/python" -m pip --quiet --no-input --disable-pip-version-check "$@"; }

if [ "$level" = gpu ]; then  # before anything is installed for a GPU that is not there
    "$python" -c 'import ctypes; ctypes.CDLL("libcuda.so.1")' 2>/dev/null ||
        fail "expected an NVIDIA GPU and its driver (libcuda.so.1), found none; see docs/gpu.md"
fi
pip --version >/dev/null 2>&1 || make_venv
if [ "$level" = gpu ]; then
    say "installing tests, training and TensorRT into $venv (minutes, some gigabytes)"
    pip install -e '.[test,check]' "tensorrt>=8.6"
    # PyCUDA has no wheels; where CUDA's compiler and headers are missing, ctypes does its work.
    pip install "pycuda>=2024.1" || say "PyCUDA could not be built here; going on without it"
elif [ "$level" = dev ]; then
    say "installing what tests, checks and training need into $venv (minutes)"
    # By its number: a newer torch brings gigabytes of CUDA also where a CPU build of this one is.
    pip install -e '.[test,check]' torch==2.13.0
elif [ "$level" = gui ]; then
    say "installing what the application and its window need into $venv (a minute)"
    pip install -e '.[gui]'
else
    say "installing what the application needs into $venv (a minute)"
    pip install -e .
fi

# opencv-python wants libraries of a desktop; the headless wheel is the same module without them.
if ! reason=$("$venv/bin/python" -c 'import cv2' 2>&1); then
    say "taking opencv-python-headless instead of opencv-python: ${reason##*Error: }"
    version=$("$venv/bin/python" -c 'import importlib.metadata as installed
print("==" + installed.version("opencv-python"))' 2>/dev/null) || version=
    pip --quiet uninstall -y opencv-python opencv-python-headless
    pip install "opencv-python-headless${version:->=4.10}"
    "$venv/bin/python" -c 'import cv2'
fi

touch "$venv/run.stamp" "$venv/$level.stamp"
