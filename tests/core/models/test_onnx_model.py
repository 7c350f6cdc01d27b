"""Any ONNX segmentation model: tiny models made here, with the ``onnx`` package, answer through the adapter."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from model_serving import serving
from numpy.typing import NDArray

from tasks.core.errors import EndpointRefused
from tasks.core.models import known_models, onnx_files, onnx_model
from tasks.core.models.batching import Batches

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
    answer = known_models.load(str(make(tmp_path / "model.onnx"))).predict(nrg, "")
    assert answer.dtype == np.uint8
    np.testing.assert_array_equal(answer, nrg.argmax(axis=2))


def test_scores_of_a_channels_last_model(nrg: NDArray[np.uint8], tmp_path: Path) -> None:
    """An NHWC model's scores have the classes last."""
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, *DYNAMIC, 3))
    path = saved(tmp_path / "m.onnx", [helper.make_node("Identity", ["x"], ["y"])], (1, *DYNAMIC, 3), output)
    np.testing.assert_array_equal(onnx_model.load(path).predict(nrg), nrg.argmax(axis=2))


def test_probabilities_are_the_softmax_of_scores(nrg: NDArray[np.uint8], tmp_path: Path) -> None:
    """Of an NCHW and of a larger fixed size alike; their largest is the label."""
    expected = np.exp(nrg / 255) / np.exp(nrg / 255).sum(axis=2, keepdims=True)
    for path in (scores(tmp_path / "m.onnx"), scores(tmp_path / "fixed.onnx", (64, 64))):
        found = onnx_model.load(path).probabilities(nrg)
        assert found is not None
        np.testing.assert_allclose(found, expected.transpose(2, 0, 1), rtol=1e-5)


def test_scores_that_sum_up_to_one_are_probabilities(tmp_path: Path) -> None:
    """A model that ends in a softmax of its own is not put through another."""
    found = scored(tmp_path / "m.onnx", [[0.9, 0.25], [0.1, 0.75]]).probabilities(np.zeros((1, 2, 3), np.uint8))
    assert found is not None
    assert found.ravel().tolist() == pytest.approx([0.9, 0.25, 0.1, 0.75])


def test_integer_labels_have_no_probabilities(nrg: NDArray[np.uint8], tmp_path: Path) -> None:
    """Who does not say how sure it is is not taken for sure."""
    assert onnx_model.load(labels(tmp_path / "m.onnx")).probabilities(nrg) is None


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
    with pytest.raises(EndpointRefused, match="at most 32 x 40 px, not 47 x 33: ask for a smaller `width`"):
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
    """Unknown labels and masks of another size are not passed on, and asking again would not help."""
    model = onnx_model.load(constant(tmp_path / "m.onnx", answer))
    with pytest.raises(EndpointRefused, match=rf"model m\.onnx answered {words}"):
        model.predict(np.zeros((size_px, size_px, 3), np.uint8))


def scored(path: Path, numbers: list[list[float]], element: int = TensorProto.FLOAT) -> onnx_model.OnnxModel:
    """A model that answers these scores of a row of pixels, a list a class, whatever it is asked."""
    value = helper.make_tensor("c", element, [1, len(numbers), 1, len(numbers[0])], np.ravel(numbers))
    nodes = [helper.make_node("Constant", [], ["c"], value=value), helper.make_node("Identity", ["c"], ["y"])]
    output = helper.make_tensor_value_info("y", element, (1, "classes", *DYNAMIC))
    return onnx_model.load(saved(path, nodes, (1, 3, *DYNAMIC), output))


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([[NAN, NAN], [NAN, NAN]], "NaN or infinity in 2 of 2 pixels"),
        ([[0.1, 0.9], [0.9, NAN], [0.0, 0.0]], "NaN or infinity in 1 of 2 pixels"),
        ([[NAN, 0.9], [0.9, 0.1]], "NaN or infinity in 1 of 2 pixels"),
        ([[0.1, 0.9], [INF, 0.1]], "NaN or infinity in 1 of 2 pixels"),
        ([[-INF, 0.9], [-INF, 0.1]], "NaN or infinity in 1 of 2 pixels"),
        ([[0.5, 0.0], [0.5, 0.0]], "the same score for every class in every pixel"),
    ],
)
def test_no_answer_is_not_taken_for_no_flood(numbers: list[list[float]], words: str, tmp_path: Path) -> None:
    """Scores that decide nothing are refused for good, naming the model, instead of labelling all of it as dry."""
    model = scored(tmp_path / "m.onnx", numbers)
    with pytest.raises(EndpointRefused, match=rf"model m\.onnx answered {words}"):
        model.predict(np.zeros((1, len(numbers[0]), 3), np.uint8))


def test_no_answer_is_final_for_who_asks(tmp_path: Path) -> None:
    """The endpoint answers with a client's error, which is not tried again, and with the reason."""
    model = scored(tmp_path / "m.onnx", [[NAN], [NAN]])
    jpeg = cv2.imencode(".jpg", np.zeros((1, 1, 3), np.uint8))[1].tobytes()
    with serving(lambda nrg, _: model.predict(nrg)) as url:
        headers = {"content-type": "image/jpeg"}
        response = httpx.post(f"{url}/invocations", content=jpeg, headers=headers, trust_env=False, timeout=30)
    assert (response.status_code, "model m.onnx answered NaN" in response.text) == (400, True)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([[-INF, 0.9], [0.9, -INF], [-INF, -INF]], [1, 0]),
        ([[0.5, 0.5], [0.5, 0.9]], [0, 1]),
        ([[0.1, 0.1], [0.9, 0.9]], [1, 1]),
    ],
)
def test_an_answer_may_be_certain_or_uniform(numbers: list[list[float]], expected: list[int], tmp_path: Path) -> None:
    """The logarithm of a probability of 0, a tie in some pixels, and one label everywhere are answers."""
    model = scored(tmp_path / "m.onnx", numbers)
    assert model.predict(np.zeros((1, 2, 3), np.uint8)).tolist() == [expected]


@pytest.mark.parametrize("classes", [1, 4])
def test_another_number_of_classes_than_declared_is_refused(classes: int) -> None:
    """A model that leaves its number of classes open is judged by its answer."""
    scores = np.zeros((1, classes, 2, 2), np.float32)
    with pytest.raises(ValueError, match=f"scores of {classes} classes"):
        onnx_model._labels(scores, (2, 2), channels_first=True)


def test_one_channel_is_refused_when_it_is_declared(tmp_path: Path) -> None:
    """A single score a pixel has no largest class: taken for scores it would be dry everywhere."""
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 1, *DYNAMIC))
    mean = helper.make_node("ReduceMean", ["x"], ["y"], axes=[1])
    with pytest.raises(EndpointRefused, match="knows 1 classes"):
        onnx_model.load(saved(tmp_path / "m.onnx", [mean], (1, 3, *DYNAMIC), output))


def with_weights(path: Path, weights: list[float], location: str = "weights.bin") -> Path:
    """Scores of three classes, the bands times ``weights``, which lie in a file of their own."""
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 3, *DYNAMIC))
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [1, 3, 1, 1], np.array(weights, "<f4").tobytes(), raw=True)
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, *DYNAMIC))
    graph = helper.make_graph([helper.make_node("Mul", ["x", "w"], ["y"])], "tiny", [image], [output], [tensor])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.save(model, path, save_as_external_data=True, location=location, size_threshold=0)
    return path


def test_weights_in_another_file_are_part_of_the_identity(nrg: NDArray[np.uint8], tmp_path: Path) -> None:
    """Other weights under the same name are another model, whatever their file is called."""
    path = with_weights(tmp_path / "m.onnx", [1, 1, 1])
    before, answered = known_models.identity(str(path)), known_models.load(str(path)).predict(nrg, "")
    (tmp_path / "weights.bin").write_bytes(np.array([-1, -1, -1], "<f4").tobytes())
    assert known_models.identity(str(path)) != before
    assert not np.array_equal(known_models.load(str(path)).predict(nrg, ""), answered)


def referring(path: Path, location: str) -> Path:
    """A model whose weights are said to lie somewhere."""
    model = onnx.load(with_weights(path, [1, 1, 1]), load_external_data=False)
    model.graph.initializer[0].external_data[0].value = location
    path.write_bytes(model.SerializeToString())
    return path


def linked(path: Path) -> Path:
    """A model whose weights are a link to a file elsewhere."""
    (with_weights(path, [1, 1, 1]).parent / "weights.bin").rename(path.parent / "elsewhere.bin")
    (path.parent / "weights.bin").symlink_to("elsewhere.bin")
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: referring(path, "/etc/hostname"), "own folder"),
        (lambda path: referring(path, "../weights.bin"), "own folder"),
        (lambda path: referring(path, ""), "own folder"),
        (lambda path: referring(path, "gone.bin"), "not there"),
        (linked, "is a link"),
        (lambda path: path.write_bytes(b"\x3a\xff\x01") and path, "cannot be loaded"),
        (lambda path: path.write_bytes(b"\x0b") and path, "cannot be loaded"),
        (lambda path: path.write_bytes(b"") or path, "cannot be loaded"),
    ],
)
@pytest.mark.parametrize("use", [onnx_model.identity, onnx_model.load])
def test_weights_elsewhere_are_refused(make: type, words: str, use: type, tmp_path: Path) -> None:
    """What a model's answers depend on is known and lies in its folder, or the model is neither named nor loaded."""
    with pytest.raises(EndpointRefused, match=words):
        use(make(tmp_path / "m.onnx"))


def test_every_place_of_a_tensor_is_looked_into() -> None:
    """The fields that are followed are those by which the ONNX package's own schema leads to a tensor."""
    from onnx import onnx_ml_pb2 as schema  # noqa: PLC0415 - generated

    leads: dict[str, dict[int, str]] = {}
    messages = {kind.name: kind for kind in schema.DESCRIPTOR.message_types_by_name.values()}
    wanted = {"TensorProto"}
    while True:
        for name, message in messages.items():
            inner = {one.number: one.message_type.name for one in message.fields if one.message_type}
            leads[name] = {number: kind for number, kind in inner.items() if kind in wanted}
        found = wanted | {name for name, fields in leads.items() if fields}
        if found == wanted:
            break
        wanted = found
    assert {name: fields for name, fields in leads.items() if fields} == onnx_files.FIELDS


def nested(tensor: object, inside: str) -> object:
    """A model that holds the tensor only in a branch, a function, or a sparse initializer."""
    branch = helper.make_graph([], "branch", [], [], [tensor])
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    constant_node = helper.make_node("Constant", [], ["y"], value=tensor)
    graph = helper.make_graph([node] if inside == "branch" else [], "g", [], [])
    if inside == "sparse":
        graph.sparse_initializer.add().values.CopyFrom(tensor)
    functions = []
    if inside == "function":
        opset = helper.make_opsetid("", 17)
        functions = [helper.make_function("own", "F", [], ["y"], [constant_node], [opset])]
    return helper.make_model(graph, functions=functions)


@pytest.mark.parametrize("inside", ["branch", "function", "sparse"])
def test_weights_of_nested_tensors_are_found(inside: str, tmp_path: Path) -> None:
    """Also where only a branch, a function or a sparse tensor refers to them."""
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [1], b"1234", raw=True)
    onnx.external_data_helper.set_external_data(tensor, "deep.bin")
    (tmp_path / "deep.bin").write_bytes(b"1234")
    (tmp_path / "m.onnx").write_bytes(nested(tensor, inside).SerializeToString())
    assert onnx_files.weight_files(tmp_path / "m.onnx") == [tmp_path / "deep.bin"]


def land_cover(path: Path, **metadata: str) -> Path:
    """NCHW scores of four classes: the three bands, and one that always loses."""
    never = helper.make_tensor("n", TensorProto.FLOAT, [1], [-1.0])
    nodes = [
        helper.make_node("Constant", [], ["n"], value=never),
        helper.make_node("ReduceMin", ["x"], ["m"], axes=[1], keepdims=1),
        helper.make_node("Add", ["m", "n"], ["low"]),
        helper.make_node("Concat", ["x", "low"], ["y"], axis=1),
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 4, *DYNAMIC))
    return saved(path, nodes, (1, 3, *DYNAMIC), output, **metadata)


def test_classes_of_other_models_are_mapped_to_labels(nrg: NDArray[np.uint8], tmp_path: Path) -> None:
    """A land-cover model of four classes, of which the second is water, maps water alone."""
    model = onnx_model.load(land_cover(tmp_path / "m.onnx", labels="0, 1, 0, 0"))
    np.testing.assert_array_equal(model.predict(nrg), nrg.argmax(axis=2) == 1)
    found = model.probabilities(nrg)
    assert found is not None
    np.testing.assert_array_equal(found.argmax(axis=0), model.predict(nrg))
    with pytest.raises(EndpointRefused, match=r"knows 4 classes.*give `labels`, or put them into its metadata"):
        onnx_model.load(land_cover(tmp_path / "m.onnx"))


@pytest.mark.parametrize("text", ["", "1", "0,3,1,0", "0,0,0,0", "0,1,0", "flood"])
def test_labels_that_do_not_fit_the_model_are_refused(text: str, tmp_path: Path) -> None:
    """One a class, known ones, and flood among them."""
    with pytest.raises(EndpointRefused, match="labels"):
        onnx_model.load(land_cover(tmp_path / "m.onnx", labels=text))


def test_integer_classes_are_mapped_too(tmp_path: Path) -> None:
    """A class beyond those that are named is an error."""
    path = constant(tmp_path / "m.onnx", [0, 1, 2, 3])
    model = onnx.load(path)
    helper.set_model_props(model, {"labels": "0,0,1,2"})
    onnx.save(model, path)
    assert onnx_model.load(path).predict(np.zeros((2, 2, 3), np.uint8)).tolist() == [[0, 0], [1, 2]]
    helper.set_model_props(model, {"labels": "0,1"})
    onnx.save(model, path)
    with pytest.raises(EndpointRefused, match="labels 0 to 3: its `labels` name 2 classes"):
        onnx_model.load(path).predict(np.zeros((2, 2, 3), np.uint8))


def test_a_device_that_is_not_there_is_refused(nrg: NDArray[np.uint8], tmp_path: Path) -> None:
    """``cuda`` asks for a GPU; ``auto`` and ``cpu`` go without, with the same answer."""
    import onnxruntime  # noqa: PLC0415 - an extra

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("onnxruntime has CUDA here")
    path = scores(tmp_path / "m.onnx")
    answers = [onnx_model.load(path, device).predict(nrg) for device in ("auto", "cpu")]
    np.testing.assert_array_equal(*answers)
    with pytest.raises(EndpointRefused, match="`device` cuda, but onnxruntime finds no GPU"):
        onnx_model.load(path, "cuda")


@pytest.mark.parametrize("metadata", [{}, {"labels": "0,0,1,0"}, {"labels": "nonsense"}])
def test_a_class_map_takes_the_place_of_the_metadata(
    metadata: dict[str, str], nrg: NDArray[np.uint8], tmp_path: Path
) -> None:
    """A model of four classes without a map of its own, or with another, answers by the one that is given."""
    model = onnx_model.load(land_cover(tmp_path / "m.onnx", **metadata), class_map=(0, 1, 3, 0))
    np.testing.assert_array_equal(model.predict(nrg), np.array([0, 1, 3])[nrg.argmax(axis=2)])
    found = model.probabilities(nrg)
    assert found is not None
    np.testing.assert_array_equal(found.argmax(axis=0), model.predict(nrg))


def test_a_class_map_names_each_class(tmp_path: Path) -> None:
    """One that is too short is found out when the model is loaded; water-index takes none."""
    with pytest.raises(EndpointRefused, match=r"knows 4 classes: its labels, .* name 3"):
        onnx_model.load(land_cover(tmp_path / "m.onnx"), class_map=(0, 1, 3))
    with pytest.raises(EndpointRefused, match="water-index answers flood or not"):
        known_models.load("water-index", class_map=(0, 1))


def in_batches(path: Path, images: int) -> tuple[onnx_model.OnnxModel, list[int]]:
    """A model run in batches as on a GPU, which is asked for so many, and the number of images in each run."""
    import onnxruntime  # noqa: PLC0415 - an extra

    session, sizes = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]), []
    batches = onnx_model._run(session, ["CUDAExecutionProvider"])
    assert isinstance(batches, Batches)
    alone = batches.run

    def run(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        sizes.append(len(pixels))
        while len(sizes) == 1 and len(batches._queue) < images - 1:
            time.sleep(0.001)  # the others ask
        return alone(pixels)

    batches.run = run
    return replace(onnx_model.load(path), run=batches), sizes


def many(path: Path, **metadata: str) -> Path:
    """As ``scores``, of any number of images; a white pixel has no score."""
    most = helper.make_tensor("most", TensorProto.FLOAT, [1], [2.999])
    nodes = [
        helper.make_node("Constant", [], ["most"], value=most),
        helper.make_node("ReduceSum", ["x", "axes"], ["sum"], keepdims=1),
        helper.make_node("Sub", ["most", "sum"], ["left"]),
        helper.make_node("Sqrt", ["left"], ["root"]),
        helper.make_node("Sub", ["root", "root"], ["nothing"]),
        helper.make_node("Add", ["x", "nothing"], ["y"]),
    ]
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    nodes.insert(0, helper.make_node("Constant", [], ["axes"], value=axes))
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, ("n", 3, *DYNAMIC))
    return saved(path, nodes, ("n", 3, *DYNAMIC), output, **metadata)


def test_batches_answer_as_images_alone(nrg: NDArray[np.uint8], tmp_path: Path) -> None:
    """Labels and probabilities of images that share a run are their own, and one without an answer costs no other."""
    model, sizes = in_batches(many(tmp_path / "m.onnx"), 7)
    images = [np.roll(nrg, by, axis=1) for by in range(6)]
    blank = np.full_like(nrg, 255)
    with ThreadPoolExecutor(7) as pool:
        refused, *futures = [pool.submit(model.probabilities, one) for one in (blank, *images)]
        answers = [future.result() for future in futures]
    with pytest.raises(EndpointRefused, match="NaN or infinity"):
        refused.result()
    assert sizes[:2] == [1, 6]
    for one, answer in zip(images, answers, strict=True):
        assert answer is not None
        np.testing.assert_array_equal(answer.argmax(axis=0), one.argmax(axis=2))


@pytest.mark.parametrize("make", [scores, labels])
def test_a_model_of_one_image_is_asked_for_one(make: type, tmp_path: Path) -> None:
    """Where input or output is declared to be of one image there are no batches, and none on a processor."""
    import onnxruntime  # noqa: PLC0415 - an extra

    path = make(tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert not isinstance(onnx_model._run(session, ["CUDAExecutionProvider"]), Batches)
    assert not isinstance(onnx_model.load(many(tmp_path / "many.onnx"), "cpu").run, Batches)
