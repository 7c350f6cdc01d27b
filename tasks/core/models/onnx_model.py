"""Any ONNX segmentation model behind the server. Needs the extra ``onnx`` when a model is loaded, not before.

Input: one float32 tensor of three channels in the order near infrared, red, green, scaled to 0..1, as (1, 3, height,
width) or (1, height, width, 3): whichever axis the model declares as 3 is taken for the channels. Two optional metadata
entries of the file, ``input_mean`` and ``input_std`` (three numbers each, comma-separated, in 0..1 and NRG order), are
subtracted and divided by.

Output: the model's first: scores or probabilities (1, classes, height, width), or (1, height, width, classes) from an
NHWC model, whose largest wins (the first of equals); or integer classes (1, height, width). A third optional entry of
its metadata, ``labels``, says which label each class is, comma-separated, such as ``0,0,1,0`` where the third of four
is water: 0 other, 1 flood, 2 flood with cloud. A class map that is given takes its place, and may also say 3: ignored.
Without any the classes are these labels, two or three. A model that declares another number of classes is refused when
it is loaded, one that answers other classes when it does. Probabilities are the scores where these sum up to 1 in every
pixel, else their softmax; of several classes that are one label the most probable stands for it.

No answer is never taken for "no flood", which is what the first of equals would be. The whole answer is refused where
any score is NaN or plus infinity (a sum that ran over), where all scores of a pixel are minus infinity, and where no
pixel tells its classes apart. Minus infinity beside a finite score is an answer: the logarithm of a probability of 0,
or a class that is masked out. So is one label everywhere: a tile may be all water, or all dry.

Size: a dynamic height and width takes the image as it is. A fixed one takes images up to that size: they are padded on
the right and at the bottom by repeating their edge, and the answer is cut back; larger images are refused, naming the
width to ask for. The output must have the input's size.

Batches: on a GPU, images of one size that are asked for at the same time are one run where the model declares the first
axis of input and output dynamic (``batching``). On a processor each is a run of its own, which is no slower there.
"""

import hashlib
import struct
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.arrays import Float32Array, UInt8Array
from tasks.core.class_map import FEWEST_CLASSES, LABELS, by_label
from tasks.core.errors import EndpointRefused
from tasks.core.models.batching import Batches, Run
from tasks.core.models.onnx_files import weight_files

# Raise it when the answer of the same model to the same image changes.
VERSION = 2
BANDS = 3
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
AXES = 4
SUM_TOLERANCE = 1e-3  # of scores that are probabilities already
BLOCK_BYTES = 1 << 20


def checked_path(model: str) -> Path:
    """The model's file, as it is found behind links: its weights lie beside that.

    Raises:
        EndpointRefused: There is no such file, or it is not named ``.onnx``.
    """
    path = Path(model).expanduser()
    if path.suffix.lower() != ".onnx":
        raise EndpointRefused(f"model {model!r} is neither water-index nor the path of an .onnx file")
    if not path.is_file():
        raise EndpointRefused(f"there is no model file {model}: give the path of an .onnx file, or water-index")
    return path.resolve()


def identity(path: Path) -> str:
    """SHA-256 of the file, and of every file that its tensors take weights from.

    Raises:
        EndpointRefused: The model cannot be read, or its weights are not in files of its own folder.
    """
    digest = hashlib.sha256()
    _add(digest, path)
    for part in weight_files(path):
        name = part.relative_to(path.parent).as_posix().encode()
        digest.update(struct.pack(">QQ", len(name), part.stat().st_size) + name)
        _add(digest, part)
    return f"onnx-{VERSION}-{digest.hexdigest()}"


def _add(digest: Any, path: Path) -> None:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)


@dataclass(frozen=True)
class OnnxModel:
    """A loaded model.

    Attributes:
        name: Of its file, for messages.
        run: Its session: images (n, ...) to the answers of its first output; safe to call from several threads.
        channels_first: NCHW; else NHWC.
        height_px, width_px: Fixed size, or None where dynamic.
        mean, std: float32 (3,), in 0..1.
        labels: Of each class; None where the classes are the labels.
    """

    name: str
    run: Run
    channels_first: bool
    height_px: int | None
    width_px: int | None
    mean: Float32Array
    std: Float32Array
    labels: tuple[int, ...] | None = None

    def predict(self, nrg: UInt8Array) -> UInt8Array:
        """Labels uint8 (height, width) of an NRG image uint8 (height, width, 3).

        Raises:
            EndpointRefused: The image is larger than the model's fixed size, or the model's answer is none: not labels
                0, 1, 2 of the size that was asked, or scores that decide nothing.
        """
        labels, _ = self._asked(nrg)
        return labels

    def probabilities(self, nrg: UInt8Array) -> Float32Array | None:
        """How sure the labels are, float32 (2 to 4, height, width) by label; None where the model answers classes.

        Raises:
            EndpointRefused: As ``predict``.
        """
        _, scores = self._asked(nrg)
        return None if scores is None else by_label(_probabilities(scores), self.labels or LABELS)

    def _asked(self, nrg: UInt8Array) -> tuple[UInt8Array, NDArray[Any] | None]:
        """Labels (height, width), and the scores that they are the largest of, (classes, height, width)."""
        height_px, width_px = nrg.shape[:2]
        pixels = ((self._padded(nrg).astype(np.float32) / 255 - self.mean) / self.std)[np.newaxis]
        asked = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)) if self.channels_first else pixels
        answer = self.run(np.asarray(asked, np.float32))
        try:
            labels = _labels(answer, pixels.shape[1:3], self.channels_first, self.labels)
        except ValueError as error:
            raise EndpointRefused(f"model {self.name} answered {error}") from error
        scores = None
        if answer.ndim == AXES:
            scores = (answer[0] if self.channels_first else answer[0].transpose(2, 0, 1))[:, :height_px, :width_px]
        return np.ascontiguousarray(labels[:height_px, :width_px]), scores

    def _padded(self, nrg: UInt8Array) -> UInt8Array:
        height_px, width_px = nrg.shape[:2]
        down = (self.height_px or height_px) - height_px
        across = (self.width_px or width_px) - width_px
        if down < 0 or across < 0:
            raise EndpointRefused(
                f"the model takes images of at most {self.width_px or 'any'} x {self.height_px or 'any'} px, not "
                f"{width_px} x {height_px}: ask for a smaller `width`"
            )
        return np.pad(nrg, ((0, down), (0, across), (0, 0)), mode="edge")


def _labels(
    answer: NDArray[Any], size: tuple[int, ...], channels_first: bool, mapping: tuple[int, ...] | None = None
) -> UInt8Array:
    """uint8 (height, width) of one answer: the label of the class with the largest score, or of the class answered.

    Raises:
        ValueError: With what was answered instead.
    """
    if answer.ndim == AXES and answer.shape[0] == 1 and answer.dtype.kind in "fiu":
        labels = _largest(answer[0], 0 if channels_first else 2, mapping)
    elif answer.ndim == AXES - 1 and answer.shape[0] == 1 and answer.dtype.kind in "iu":
        labels = answer[0]
    else:
        raise ValueError(f"{answer.dtype} {answer.shape}: neither scores nor integer labels")
    if labels.shape != size:
        raise ValueError(f"{labels.shape} labels for {size} pixels")
    meanings = np.array(mapping or LABELS, np.uint8)
    if labels.size and (labels.min() < 0 or labels.max() >= len(meanings)):
        known = "only 0, 1 and 2 have a meaning" if mapping is None else f"its `labels` name {len(meanings)} classes"
        raise ValueError(f"labels {labels.min()} to {labels.max()}: {known}")
    checked: UInt8Array = meanings[labels]
    return checked


def _largest(scores: NDArray[Any], axis: int, mapping: tuple[int, ...] | None) -> NDArray[np.intp]:
    """Which class has the largest score of each pixel; three axes, the classes along one of them.

    Raises:
        ValueError: They decide nothing: see the module's description.
    """
    if not _fits(scores.shape[axis], mapping):
        raise ValueError(f"scores of {scores.shape[axis]} classes: {_needed(mapping)}")
    best = scores.max(axis=axis)  # NaN where any score is
    undecided = int(np.count_nonzero(~np.isfinite(best)))
    if undecided:
        raise ValueError(
            f"NaN or infinity in {undecided:,} of {best.size:,} pixels: that is no answer, neither flood nor dry. "
            "Check its weights, its export, and input_mean and input_std"
        )
    if best.size and (scores.min(axis=axis) == best).all():
        raise ValueError(
            "the same score for every class in every pixel: that is no answer, neither flood nor dry. Check its weights"
        )
    return np.asarray(scores.argmax(axis=axis))


def _probabilities(scores: NDArray[Any]) -> Float32Array:
    """Float32 (classes, height, width): the scores where they are probabilities, else their softmax."""
    values = scores.astype(np.float32)
    if values.min() >= 0 and np.allclose(values.sum(axis=0), 1, atol=SUM_TOLERANCE):
        return values
    values = np.exp(values - values.max(axis=0))
    return np.asarray(values / values.sum(axis=0), np.float32)


def _fits(classes: int, mapping: tuple[int, ...] | None) -> bool:
    return FEWEST_CLASSES <= classes <= len(LABELS) if mapping is None else classes == len(mapping)


def _needed(mapping: tuple[int, ...] | None) -> str:
    if mapping is not None:
        return f"its labels, given as `labels` or in its metadata, name {len(mapping)}"
    return (
        "0 other, 1 flood and, if known, 2 flood with cloud have a meaning. Say which label each class is: give "
        "`labels`, or put them into its metadata"
    )


def load(path: Path, device: str = "auto", class_map: tuple[int, ...] | None = None) -> OnnxModel:
    """Load a model and judge its layout.

    Args:
        path: Of the file.
        device: ``cpu``, ``cuda``, or ``auto``: a GPU where onnxruntime can use one.
        class_map: The label of each class, in place of its metadata's.

    Raises:
        EndpointRefused: onnxruntime is missing, the file is no ONNX model, its weights are not in files of its own
            folder, its layout is not the documented one, or there is no GPU that it could be run on.
    """
    weight_files(path)
    try:
        import onnxruntime  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise EndpointRefused(f"model {path} needs onnxruntime: install flood-extent[onnx]") from error
    try:
        providers = [one for one in (CUDA, CPU) if one in onnxruntime.get_available_providers()]
        session = onnxruntime.InferenceSession(str(path), providers=[CPU] if device == "cpu" else providers)
    except Exception as error:  # its error classes have no public root
        raise EndpointRefused(
            f"{path} is no ONNX model that can be loaded ({error}). Export it again, or give another"
        ) from error
    if device == "cuda" and CUDA not in session.get_providers():
        raise EndpointRefused(
            f"model {path}: `device` cuda, but onnxruntime finds no GPU here, only "
            f"{', '.join(session.get_providers())}. Install onnxruntime-gpu with its CUDA, or give cpu"
        )
    return _judged(session, path, class_map)


def _judged(session: Any, path: Path, class_map: tuple[int, ...] | None) -> OnnxModel:
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != AXES:
        described = ", ".join(f"{one.name}: {one.type} {one.shape}" for one in inputs)
        raise EndpointRefused(f"{path}: one float32 input of four axes is needed, not {described or 'none'}")
    shape = inputs[0].shape
    if BANDS not in (shape[1], shape[3]) or (isinstance(shape[0], int) and shape[0] != 1):
        raise EndpointRefused(f"{path}: its input {shape} is neither (1, 3, height, width) nor (1, height, width, 3)")
    channels_first = shape[1] == BANDS
    mapping = _mapping(session, path) if class_map is None else class_map
    _check_classes(session.get_outputs()[0].shape, path, mapping, channels_first=channels_first)
    sizes = shape[2:4] if channels_first else shape[1:3]
    height_px, width_px = (size if isinstance(size, int) else None for size in sizes)
    mean, std = (_metadata(session, path, key, default) for key, default in (("input_mean", 0), ("input_std", 1)))
    run = _run(session, session.get_providers())
    return OnnxModel(path.name, run, channels_first, height_px, width_px, mean, std, mapping)


def _run(session: Any, providers: Collection[str]) -> Run:
    """A run of the session; of images in batches where that is faster, and the model takes them."""
    (image,), answer = session.get_inputs(), session.get_outputs()[0]

    def run(images: Float32Array) -> NDArray[Any]:
        return np.asarray(session.run(None, {image.name: images})[0])

    takes_batches = len(answer.shape) > 0 and not any(isinstance(one.shape[0], int) for one in (image, answer))
    return Batches(run) if takes_batches and CUDA in providers else run


def _check_classes(shape: list[Any], path: Path, mapping: tuple[int, ...] | None, *, channels_first: bool) -> None:
    classes = shape[1 if channels_first else 3] if len(shape) == AXES else None
    if isinstance(classes, int) and not _fits(classes, mapping):
        raise EndpointRefused(f"{path} knows {classes} classes: {_needed(mapping)}")


def _mapping(session: Any, path: Path) -> tuple[int, ...] | None:
    """The label of each class, as the file's metadata have it; None where they have nothing."""
    text = session.get_modelmeta().custom_metadata_map.get("labels")
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if len(parts) < FEWEST_CLASSES or not set(parts) <= {str(label) for label in LABELS} or "1" not in parts:
        raise EndpointRefused(
            f"{path}: its metadata labels is {text!r}: the label of each class is needed, comma-separated, 0 other, 1 "
            "flood or 2 flood with cloud, and flood among them"
        )
    return tuple(map(int, parts))


def _metadata(session: Any, path: Path, key: str, default: float) -> Float32Array:
    """Three numbers of the file's metadata, or the default three times."""
    text = session.get_modelmeta().custom_metadata_map.get(key)
    try:
        numbers = np.array([default] * BANDS if text is None else text.split(","), np.float32)
    except ValueError:
        numbers = np.empty(0, np.float32)
    if len(numbers) != BANDS or not np.isfinite(numbers).all() or (key == "input_std" and not numbers.all()):
        raise EndpointRefused(f"{path}: its metadata {key} is {text!r}: three numbers, comma-separated, are needed")
    return numbers
