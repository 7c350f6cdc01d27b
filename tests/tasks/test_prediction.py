"""Stage predict: a tile in one request or in chips, with the answer of a real model."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import tile_jobs
from numpy.typing import NDArray
from rasterio.transform import from_origin

from infra.model_server import app
from tasks.core.masks.answers import Answer
from tasks.core.models import known_models
from tasks.core.models.nir_threshold import Split
from tasks.core.tiles.jobs import TileJob
from tasks.extent import extract_extent
from tasks.imagery import prepare
from tasks.prediction import predict
from tasks.services.endpoints.contract import Deployment, EndpointService
from tasks.services.endpoints.local_endpoint import LocalEndpoint
from tasks.services.frames.dataset_listing import list_tiles
from tasks.services.work_directory import tile_files

WIDTH_PX, HEIGHT_PX = 500, 330
ENDPOINT = Deployment("local", "here")


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Water, fields and noise."""
    random, path = np.random.default_rng(3), tmp_path_factory.mktemp("frames") / "frame.jp2"
    rows, columns = np.mgrid[:HEIGHT_PX, :WIDTH_PX]
    water = np.sin(columns / 23) + np.cos(rows / 31) > 0.4
    bands = [np.where(water, dark, light) for dark, light in ((40, 120), (60, 80), (90, 85))]
    pixels = (np.stack(bands) + random.normal(0, 25, (3, HEIGHT_PX, WIDTH_PX))).clip(0, 255).astype(np.uint8)
    profile = {"width": WIDTH_PX, "height": HEIGHT_PX, "count": 3, "dtype": "uint8", "crs": "EPSG:7855"}
    place = from_origin(500_000, 6_250_000, 0.5, 0.5)
    with rasterio.open(
        path, "w", driver="JP2OpenJPEG", transform=place, REVERSIBLE="YES", QUALITY="100", **profile
    ) as file:
        file.write(pixels)
    return path


class Here(EndpointService):
    """A model in this process, asked as the server asks it."""

    def __init__(self, model: known_models.Model) -> None:
        self.model, self.asked = model, 0

    def invoke(self, deployment: Deployment, jpeg: bytes, attributes: str = "", accept: str = "") -> bytes:  # noqa: ARG002 - the protocol's
        """The server's answer."""
        self.asked += 1
        return app._answer(self.model, jpeg, attributes, accept == known_models.RECORD_TYPE, 10**6)[0]


@pytest.fixture
def predicted(frame: Path, tmp_path: Path) -> Callable[..., tuple[Answer, TileJob]]:
    """A function that prepares the frame and predicts it: how, are settings of ``plan_jobs``."""

    def work(service: EndpointService, endpoint: Deployment = ENDPOINT, **settings: Any) -> tuple[Answer, TileJob]:
        tiles = list_tiles(str(frame.parent), crs=None, max_pixels=10**6)
        given = {"work_directory": str(tmp_path), **settings}
        (job,) = tile_jobs.planned(tiles, told={"frame.jp2": Split(70, 96)}, **given)
        prepare(job)
        predict(job, service, endpoint)
        return tile_files.answer(job), job

    return work


@pytest.fixture(scope="module")
def water_index() -> Iterator[tuple[LocalEndpoint, Deployment]]:
    """A real model server."""
    service = LocalEndpoint("water-index")
    yield service, service.deploy("water-index-for-chips")
    service.delete("water-index-for-chips")


@pytest.mark.parametrize("with_confidence", [True, False])
@pytest.mark.parametrize("chips", [(64, 16), (128, 64), (304, 32), (328, 16), (496, 64)])
def test_chips_change_nothing_of_a_model_that_looks_at_single_pixels(
    predicted: Callable[..., tuple[Answer, TileJob]],
    water_index: tuple[LocalEndpoint, Deployment],
    chips: tuple[int, int],
    with_confidence: bool,
) -> None:
    """Labels are those of one request, pixel for pixel, and so is the histogram that the dataset is calibrated by."""
    whole, one = predicted(*water_index, with_confidence=with_confidence)
    found, many = predicted(*water_index, with_confidence=with_confidence, chips=chips)
    np.testing.assert_array_equal(found.labels, whole.labels)
    assert 0.1 < whole.labels.mean() < 0.9
    assert (found.confidence is not None) == with_confidence
    np.testing.assert_array_equal(tile_files.histogram(many), tile_files.histogram(one))


def test_probabilities_give_the_labels_of_the_mask(
    predicted: Callable[..., tuple[Answer, TileJob]], water_index: tuple[LocalEndpoint, Deployment]
) -> None:
    """Asking how sure it is changes no label."""
    with_confidence, without = (predicted(*water_index, with_confidence=asked)[0] for asked in (True, False))
    np.testing.assert_array_equal(with_confidence.labels, without.labels)
    assert without.confidence is None


def blurring(path: Path) -> Path:
    """An ONNX model that looks 10 px around each pixel: the mean of near infrared against that of green."""
    onnx = pytest.importorskip("onnx", reason="needs onnx")
    helper, side = onnx.helper, 21
    kernel = np.zeros((2, 3, side, side), np.float32)
    kernel[0, 0], kernel[1, 2] = 1 / side**2, 1 / side**2
    weights = onnx.numpy_helper.from_array(kernel * 20, "w")
    convolution = helper.make_node("Conv", ["x", "w"], ["y"], pads=[side // 2] * 4)
    float32 = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [convolution],
        "g",
        [helper.make_tensor_value_info("x", float32, (1, 3, "h", "w"))],
        [helper.make_tensor_value_info("y", float32, (1, 2, "h", "w"))],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path


def test_a_model_that_looks_around_itself_hardly_shows_the_seams(
    predicted: Callable[..., tuple[Answer, TileJob]], tmp_path: Path
) -> None:
    """Labels of chips of two sizes, and of none, differ in less than half a per cent of the pixels."""
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    service = Here(known_models.load(str(blurring(tmp_path / "blurring.onnx"))))
    sizes: list[tuple[int, int] | None] = [None, (128, 32), (200, 32)]
    whole, small, large = (predicted(service, with_confidence=True, chips=chips)[0].labels for chips in sizes)
    assert service.asked > 10
    differing = [float(np.mean(one != other)) for one, other in ((whole, small), (whole, large), (small, large))]
    assert max(differing) < 0.005
    assert 0.1 < whole.mean() < 0.9


def land_cover(path: Path) -> Path:
    """An ONNX model of five classes without a map: brightness in steps, of which the darkest is water."""
    onnx = pytest.importorskip("onnx", reason="needs onnx")
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    middles = np.array([40, 70, 90, 120, 160], np.float32)[:, None, None, None] / 255
    weights = np.zeros((5, 3, 1, 1), np.float32)
    weights[:, 0] = 2 * middles[:, 0] * 400  # the nearest middle wins: 2 m x - m^2
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w", "b"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", float32, (1, 3, "h", "w"))],
        [helper.make_tensor_value_info("y", float32, (1, 5, "h", "w"))],
        [
            onnx.numpy_helper.from_array(weights, "w"),
            onnx.numpy_helper.from_array(-(middles[:, 0, 0, 0] ** 2) * 400, "b"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("with_confidence", [True, False])
def test_a_class_map_holds_for_any_endpoint(
    predicted: Callable[..., tuple[Answer, TileJob]], tmp_path: Path, with_confidence: bool
) -> None:
    """A server on this machine maps classes itself; those of another endpoint are mapped here, to the same labels."""
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    path, class_map = str(land_cover(tmp_path / "cover.onnx")), (1, 0, 0, 3, 0)
    local = LocalEndpoint(path, class_map=class_map)
    deployment = local.deploy("mapped")
    try:
        here, _ = predicted(
            local, deployment, class_map=class_map, with_confidence=with_confidence, work_directory=str(tmp_path / "a")
        )
    finally:
        local.delete("mapped")
    classes = Here(known_models.load(path, class_map=(0, 1, 2, 3, 4)))
    there, job = predicted(
        classes, Deployment("sagemaker", "there"), class_map=class_map, with_confidence=with_confidence, chips=(128, 32)
    )
    np.testing.assert_array_equal(there.labels, here.labels)
    assert (there.confidence is not None) == with_confidence
    extent = extract_extent(job)
    assert extent.flood_px == int((here.labels == 1).sum())
    assert extent.unassessed.area == pytest.approx(0.25 * int((here.labels == 3).sum()))


def failing_once(fails: int) -> Callable[[NDArray[np.uint8], str], NDArray[np.uint8]]:
    """A model that breaks at one of its chips."""
    asked = iter(range(1000))

    def answer(nrg: NDArray[np.uint8], _: str) -> NDArray[np.uint8]:
        if next(asked) == fails:
            raise ZeroDivisionError
        return nrg[..., 0] // 200

    return answer


def test_a_chip_that_fails_fails_its_tile(predicted: Callable[..., tuple[Answer, TileJob]], tmp_path: Path) -> None:
    """Nothing of it is kept: ground without an answer is never taken for dry."""
    with pytest.raises(ZeroDivisionError):
        predicted(Here(known_models.Model(failing_once(7))), chips=(64, 16))
    assert not [path for path in tmp_path.rglob("*") if "predict" in path.parts]
