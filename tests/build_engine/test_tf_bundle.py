"""TensorFlow's checkpoint format: what TensorFlow wrote is read, what is damaged is refused.

`tf_written/` was written by TensorFlow 2.21's `tf.compat.v1.train.Saver` after one step of Adam at
rate 0: float32 variables that count up from -3 in quarters, their moments, and an int32.
"""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from build_engine.crc32c import crc32c, masked
from build_engine.tf_bundle import TfBundle, bundle_prefix
from pose.errors import InputError
from tests.build_engine.tf_bundle_writer import table, write_bundle

TF_WRITTEN = Path(__file__).parent / "tf_written" / "snapshot_350.ckpt"
NORMS = [
    f"resnet_v1_50/block1/unit_1/bottleneck_v1/conv1/BatchNorm/part_{i:02d}" for i in range(40)
]
SHAPES = {
    "resnet_v1_50/conv1/weights": (7, 7, 3, 4),
    "lateral/res5/weights": (1, 1, 5, 6),
    "merge/res4/biases": (6,),
    "merge/res4/empty": (0, 3),
    **{name: (3,) for name in NORMS},
}


def _counting(shape: tuple[int, ...]) -> np.ndarray:
    return (np.arange(np.prod(shape)) * 0.25 - 3).astype(np.float32).reshape(shape)


def test_what_tensorflow_wrote_is_read() -> None:
    bundle = TfBundle(TF_WRITTEN)

    for name, shape in SHAPES.items():
        np.testing.assert_array_equal(bundle.read(name), _counting(shape), strict=True)
    assert bundle.read("Variable") == 350
    others = {name for name in bundle.entries if name not in SHAPES}
    moments = {f"{name}/{slot}" for name in SHAPES for slot in ("Adam", "Adam_1")}
    assert others == {*moments, "beta1_power", "beta2_power", "Variable"}


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 300])
def test_what_was_written_is_read(
    count: int, shards: int, tmp_path: Path, rng: np.random.Generator
) -> None:
    kinds = (np.float32, np.float64, np.int32, np.int64)
    tensors = {
        f"a/long/way/{i:03d}": (100 * rng.normal(size=(i % 3, 4))).astype(kinds[i % 4])
        for i in range(count)
    }
    write_bundle(tmp_path / "x.ckpt", tensors, shards)

    bundle = TfBundle(tmp_path / "x.ckpt")

    assert list(bundle.entries) == list(tensors)
    for name, values in tensors.items():
        np.testing.assert_array_equal(bundle.read(name), values, strict=True)


@pytest.mark.parametrize(
    "name", ["x.ckpt", "x.ckpt.index", "x.ckpt.data-00000-of-00001", "x.ckpt.meta"]
)
def test_any_file_of_a_checkpoint_leads_to_it(name: str, tmp_path: Path) -> None:
    write_bundle(tmp_path / "x.ckpt", {}, shards=1)

    assert bundle_prefix(tmp_path / name) == tmp_path / "x.ckpt"


@pytest.mark.parametrize("name", ["", ".index", "y.ckpt", "x.ckpt.index.txt"])
def test_what_has_no_index_is_no_checkpoint(name: str, tmp_path: Path) -> None:
    write_bundle(tmp_path / "x.ckpt", {}, shards=1)

    assert bundle_prefix(tmp_path / name) is None


# ---- damage ------------------------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """TensorFlow's own files, to be spoilt."""
    for part in (".index", ".data-00000-of-00001"):
        shutil.copy(f"{TF_WRITTEN}{part}", tmp_path / f"x.ckpt{part}")
    return tmp_path / "x.ckpt"


def test_no_byte_of_the_index_can_change_unnoticed(copy: Path) -> None:
    """Of the 48 at the end, those that only fill up may."""
    index = copy.with_name("x.ckpt.index")
    whole = index.read_bytes()
    _, *places = (at for at in range(0, len(whole), 53))
    for at in (0, *places, len(whole) - 1, len(whole) - 48):
        index.write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        if len(whole) - 40 < at < len(whole) - 8:
            continue

        with pytest.raises(InputError, match=r"x\.ckpt\.index") as refused:
            TfBundle(copy)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kept", [0, 1, 47, 48, 500, -1])
def test_a_torn_index_is_refused(kept: int, copy: Path) -> None:
    index = copy.with_name("x.ckpt.index")
    index.write_bytes(index.read_bytes()[:kept])

    with pytest.raises(InputError, match="expected the index of a TensorFlow checkpoint"):
        TfBundle(copy)


@pytest.mark.parametrize("change", ["flip", "cut", "remove"])
def test_data_that_changed_are_refused(change: str, copy: Path) -> None:
    data = copy.with_name("x.ckpt.data-00000-of-00001")
    whole = bytearray(data.read_bytes())
    name = "resnet_v1_50/conv1/weights"
    middle = TfBundle(copy).entries[name].offset + 40
    if change == "flip":
        whole[middle] ^= 1
        data.write_bytes(whole)
    elif change == "cut":
        data.write_bytes(whole[:middle])
    else:
        data.unlink()

    with pytest.raises(InputError, match=r"not those that were written|cannot be read"):
        TfBundle(copy).read(name)


def _varint_field(number: int, value: int) -> bytes:
    return bytes([number << 3, value])


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([], "no header"),
        ([(b"", _varint_field(2, 1))], "highest byte first"),
        ([(b"", b""), (b"w", _varint_field(1, 1))], "without a checksum"),
        ([(b"", b""), (b"w", b"\x3a\x00")], "saved in slices"),
        ([(b"", b""), (b"w", b"\x08")], "inside a number"),
        ([(b"", b""), (b"\xff", b"\x35" + bytes(4))], "codec can't decode"),
    ],
)
def test_an_index_of_something_else_is_refused(
    entries: list[tuple[bytes, bytes]], message: str, tmp_path: Path
) -> None:
    (tmp_path / "x.ckpt.index").write_bytes(table(entries))

    with pytest.raises(InputError, match=message):
        TfBundle(tmp_path / "x.ckpt")


def test_a_compressed_block_is_refused_by_name(tmp_path: Path) -> None:
    """TensorFlow compresses none; LevelDB's other users do."""
    content = bytearray(table([(b"", b"")]))
    end = content.index(struct.pack("<I", 1)) + 4  # of the first block: one restart
    content[end] = 1
    content[end + 1 : end + 5] = struct.pack("<I", masked(crc32c(bytes(content[: end + 1]))))
    (tmp_path / "x.ckpt.index").write_bytes(content)

    with pytest.raises(InputError, match="compression 1, which TensorFlow does not write"):
        TfBundle(tmp_path / "x.ckpt")


def test_a_tensor_of_text_is_refused(tmp_path: Path) -> None:
    text = _varint_field(1, 7) + b"\x35" + bytes(4)  # DT_STRING
    (tmp_path / "x.ckpt.index").write_bytes(table([(b"", _varint_field(1, 1)), (b"names", text)]))

    with pytest.raises(InputError, match="expected numbers"):
        TfBundle(tmp_path / "x.ckpt").read("names")


# ---- checksums ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "checksum"),
    [
        (b"", 0),
        (b"a", 0xC1D04330),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(reversed(range(32))), 0x113FDB5C),
        (b"123456789", 0xE3069283),
    ],
)
def test_checksums_are_those_of_the_standard(content: bytes, checksum: int) -> None:
    """RFC 3720, appendix B.4."""
    assert crc32c(content) == checksum


@pytest.mark.parametrize("size", [*range(1, 12), 63, 64, 65, 1000, 4097, 70_001])
def test_checksums_of_any_length_are_those_of_a_plain_loop(
    size: int, rng: np.random.Generator
) -> None:
    content = rng.bytes(size)
    register = 0xFFFFFFFF
    for byte in content:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ 0x82F63B78 * (register & 1)

    assert crc32c(content) == register ^ 0xFFFFFFFF
    assert crc32c(memoryview(content)) == crc32c(content)
