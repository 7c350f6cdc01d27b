"""Any ONNX segmentation model: tiny models made here, with the ``onnx`` package, answer through the adapter."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from infra.model_server import models, onnx_model
from tasks.core.errors import EndpointRefused

onnx = pytest.importorskip("onnx", reason="needs the extras onnx and dev")
pytest.importorskip("onnxruntime", reason="needs the extra onnx")
from onnx import TensorProto, helper  # noqa: E402 - after the check that it is there

DYNAMIC = ("h", "w")


def saved(path: Path, nodes: list[object], shape: tuple[object, ...], output: object, **metadata: str) -> Path:
    """Write a model with one float input ``x`` and one output ``y``."""
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    model = helper.make_model(
        helper.make_graph(nodes, "tiny", [image], [output]), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 10
    helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return path


def scores(path: Path, size: tuple[object, object] = DYNAMIC, **metadata: str) -> Path:
    """NCHW: the class scores are the three bands themselves, so the label is the brightest band's number."""
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 3, *size))
    return saved(path, [helper.make_node("Identity", ["x"], ["y"])], (1, 3, *size), output, **metadata)


def labels(path: Path, element: int = TensorProto.INT64) -> Path:
    """NHWC: integer labels, the brightest band's number."""
    argmax = helper.make_node("ArgMax", ["x"], ["a"], axis=3, keepdims=0)
    cast = helper.make_node("Cast", ["a"], ["y"], to=element)
    output = helper.make_tensor_value_info("y", element, (1, *DYNAMIC))
    return saved(path, [argmax, cast], ("n", *DYNAMIC, 3), output)


@pytest.fixture
def nrg() -> NDArray[np.uint8]:
    """Random pixels without ties between bands."""
    image = np.random.default_rng(7).integers(0, 64, (33, 47, 3), dtype=np.uint8) * 3
    return (image + np.arange(3, dtype=np.uint8)).astype(np.uint8)


@pytest.mark.parametrize(
    "make", [scores, labels, lambda path: scores(path, (33, 47)), lambda path: scores(path, (64, 64))]
)
def test_layouts_answer_alike(make: type, nrg: NDArray[np.uint8], tmp_path: Path) -> None:
    """NCHW scores, NHWC labels, dynamic, fixed and larger fixed sizes give the same labels, pixel for pixel."""
    answer = models.load(str(make(tmp_path / "model.onnx")))(nrg)
    assert answer.dtype == np.uint8
    np.testing.assert_array_equal(answer, nrg.argmax(axis=2))


def test_scores_of_a_channels_last_model(nrg: NDArray[np.uint8], tmp_path: Path) -> None:
    """An NHWC model's scores have the classes last."""
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, *DYNAMIC, 3))
    path = saved(tmp_path / "m.onnx", [helper.make_node("Identity", ["x"], ["y"])], (1, *DYNAMIC, 3), output)
    np.testing.assert_array_equal(onnx_model.load(path).predict(nrg), nrg.argmax(axis=2))


def test_the_model_sees_bands_scaled_to_one(tmp_path: Path) -> None:
    """Grey level 255 arrives as 1.0: a model that rounds its input answers 0 below half and 1 above."""
    numbers = {"zero": 0, "one": 1}
    nodes = [
        *(
            helper.make_node("Constant", [], [name], value=helper.make_tensor(name, TensorProto.INT64, [1], [number]))
            for name, number in numbers.items()
        ),
        helper.make_node("Slice", ["x", "zero", "one", "one"], ["band"]),
        helper.make_node("Round", ["band"], ["rounded"]),
        helper.make_node("Squeeze", ["rounded", "one"], ["flat"]),
        helper.make_node("Cast", ["flat"], ["y"], to=TensorProto.UINT8),
    ]
    output = helper.make_tensor_value_info("y", TensorProto.UINT8, (1, *DYNAMIC))
    path = saved(tmp_path / "m.onnx", nodes, (1, 3, *DYNAMIC), output)
    nrg = np.zeros((1, 4, 3), np.uint8)
    nrg[0, :, 0] = (0, 127, 128, 255)
    np.testing.assert_array_equal(onnx_model.load(path).predict(nrg), [[0, 0, 1, 1]])


def test_normalisation_of_the_metadata_is_applied(tmp_path: Path) -> None:
    """Mean and deviation are per band, in NRG order: here they make the darkest band the largest score."""
    path = scores(tmp_path / "m.onnx", input_mean="0.5,0,0", input_std="1,1,0.1")
    nrg = np.array([[[200, 100, 20], [200, 100, 5]]], np.uint8)
    expected = ((nrg / 255 - [0.5, 0, 0]) / [1, 1, 0.1]).argmax(axis=2)
    np.testing.assert_array_equal(onnx_model.load(path).predict(nrg), expected)


def test_an_image_larger_than_a_fixed_size_is_refused(nrg: NDArray[np.uint8], tmp_path: Path) -> None:
    """Cutting an image up would change answers at the cuts: the person is told the width that fits."""
    with pytest.raises(EndpointRefused, match="at most 32 x 40 px, not 47 x 33: ask for a smaller width"):
        onnx_model.load(scores(tmp_path / "m.onnx", (40, 32))).predict(nrg)


def too_many_classes(path: Path) -> Path:
    """Scores five classes."""
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 5, *DYNAMIC))
    weights = helper.make_tensor("w", TensorProto.FLOAT, [5, 3, 1, 1], [1.0] * 15)
    nodes = [helper.make_node("Constant", [], ["w"], value=weights), helper.make_node("Conv", ["x", "w"], ["y"])]
    return saved(path, nodes, (1, 3, *DYNAMIC), output)


def four_bands(path: Path) -> Path:
    """Takes an image of four bands."""
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 4, *DYNAMIC))
    return saved(path, [helper.make_node("Identity", ["x"], ["y"])], (1, 4, *DYNAMIC), output)


def text(path: Path) -> Path:
    """Is no model at all."""
    path.write_text("hello")
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (too_many_classes, "knows 5 classes"),
        (four_bands, "neither"),
        (text, "cannot be loaded"),
        (lambda path: scores(path, input_mean="1,2"), "input_mean is '1,2'"),
        (lambda path: scores(path, input_std="0,1,1"), "input_std is '0,1,1'"),
    ],
)
def test_an_unusable_model_is_refused_when_loaded(make: type, words: str, tmp_path: Path) -> None:
    """A model that cannot answer is found out before the first tile, with the file and the reason."""
    with pytest.raises(EndpointRefused, match=rf"m\.onnx.*{words}"):
        onnx_model.load(make(tmp_path / "m.onnx"))


def constant(path: Path, answer: list[int]) -> Path:
    """Answers these two by two labels, whatever it is asked."""
    value = helper.make_tensor("c", TensorProto.INT64, [1, 2, 2], answer)
    nodes = [helper.make_node("Constant", [], ["c"], value=value), helper.make_node("Identity", ["c"], ["y"])]
    return saved(path, nodes, (1, 3, *DYNAMIC), helper.make_tensor_value_info("y", TensorProto.INT64, (1, *DYNAMIC)))


@pytest.mark.parametrize(
    ("answer", "size_px", "words"),
    [([0, 1, 2, 3], 2, "labels 0 to 3"), ([0, 1, 2, 0], 5, r"\(2, 2\) labels for \(5, 5\) pixels")],
)
def test_an_answer_without_a_meaning_is_an_error(answer: list[int], size_px: int, words: str, tmp_path: Path) -> None:
    """Unknown labels and masks of another size are not passed on."""
    model = onnx_model.load(constant(tmp_path / "m.onnx", answer))
    with pytest.raises(ValueError, match=words):
        model.predict(np.zeros((size_px, size_px, 3), np.uint8))
