#!/usr/bin/env bash
# Sets this project up on a Jetson with JetPack 6.1 or newer, or 7: `scripts/jetson-setup.sh`.
#
# TensorRT, OpenCV (with GStreamer) and PyQt5 are the system's, seen through an environment with
# system site packages; PyCUDA is built from source; the rest comes from the package index. May be
# run again. DRY_RUN=1 says what it would do. docs/jetson.md explains each step.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=.venv
python=${PYTHON:-python3}
release_file=${L4T_RELEASE_FILE:-/etc/nv_tegra_release}
cuda=${CUDA_HOME:-/usr/local/cuda}

say() { printf 'jetson-setup: %s\n' "$*" >&2; }
fail() {
    say "$*"
    exit 69
}
run() {
    if [[ -n ${DRY_RUN:-} ]]; then
        printf '%s\n' "$*"
    else
        "$@"
    fi
}
as_root() {
    if [[ $(id -u) == 0 ]]; then run "$@"; else run sudo "$@"; fi
}

# "# R36 (release), REVISION: 4.3, GCID: …" -> 36 and 4
jetson_linux() {
    [[ -r $release_file ]] || fail "expected a Jetson, found no $release_file; on a PC run: make demo"
    local line
    line=$(head -n 1 "$release_file")
    [[ $line =~ R([0-9]+)\ \(release\),\ REVISION:\ ([0-9]+) ]] ||
        fail "expected a Jetson Linux release in $release_file, got: $line"
    major=${BASH_REMATCH[1]} minor=${BASH_REMATCH[2]}
    if ((major < 36 || (major == 36 && minor < 4))); then
        fail "expected JetPack 6.1 (Jetson Linux 36.4) or newer, got $major.$minor; flash a newer JetPack"
    fi
    say "Jetson Linux $major.$minor"
}

system_packages() {
    local wanted=(
        build-essential python3-dev python3-venv # for PyCUDA
        python3-libnvinfer libnvinfer-bin        # TensorRT and trtexec
        python3-pyqt5 libgl1
        gstreamer1.0-tools gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
    )
    # NVIDIA's OpenCV where its packages are, else the distribution's; both know GStreamer.
    if apt-cache show libopencv-python >/dev/null 2>&1; then
        wanted+=(libopencv-python)
    else
        wanted+=(python3-opencv)
    fi
    if [[ ! -x $cuda/bin/nvcc ]]; then
        wanted+=(nvidia-cuda-dev)
    fi
    as_root apt-get update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${wanted[@]}"
}

environment() {
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
        fail "expected Python >= 3.10, got $("$python" --version 2>&1)"
    if [[ ! -d $venv ]]; then
        run "$python" -m venv --system-site-packages "$venv"
    elif ! grep -qi '^include-system-site-packages *= *true' "$venv/pyvenv.cfg"; then
        fail "$venv does not see the system's packages; remove it and run this again"
    fi
}

pip() { run "$venv/bin/python" -m pip --no-input --disable-pip-version-check "$@"; }

packages() {
    # The system's OpenCV was built against NumPy 1 or 2 and does not load with the other one.
    local numpy='numpy>=1.26'
    if [[ $("$python" -c 'import numpy; print(numpy.__version__)' 2>/dev/null) == 1.* ]]; then
        numpy='numpy>=1.26,<2'
    fi
    # pip's OpenCV knows no GStreamer and would hide the system's: no CSI camera.
    pip uninstall -y opencv-python opencv-python-headless
    pip install "$numpy" -e .
    pip install pyqtgraph
    [[ -n ${DRY_RUN:-} || -x $cuda/bin/nvcc ]] ||
        fail "expected CUDA's compiler at $cuda/bin/nvcc, which PyCUDA is built with; set CUDA_HOME"
    PATH=$cuda/bin:$PATH pip install --no-binary pycuda "$numpy" 'pycuda>=2024.1'
}

look() {
    run "$venv/bin/python" -c '
import sys
import cv2, onnxruntime, tensorrt
import pycuda.driver as driver
driver.init()
gstreamer = any("GStreamer" in line and "YES" in line
                for line in cv2.getBuildInformation().splitlines())
print("OpenCV", cv2.__version__, "with" if gstreamer else "WITHOUT", "GStreamer")
print("TensorRT", tensorrt.__version__, "on", driver.Device(0).name())
print("ONNX Runtime", onnxruntime.__version__)
sys.exit(not gstreamer)
'
    run "$venv/bin/python" main.py doctor
}

jetson_linux
system_packages
environment
packages
run touch "$venv/run.stamp" "$venv/gui.stamp" # make takes this environment as it is
look
say "done; next: $venv/bin/python main.py build --onnx pose, the same with person, then main.py live csi://0"
