"""The built-in model on scenes made here and, where they are present, on real frames with their reference."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from prairie import DATA, YEARS, prairie

from tasks.core.errors import EndpointRefused
from tasks.core.models import water_index
from tasks.core.models.nir_threshold import Split, threshold_of
from tasks.core.models.water_index import attributes, predict, probabilities

CROPS, WATER, SHADOW = (170, 80, 90), (25, 60, 75), (45, 45, 40)


def needs(path: Path) -> Path:
    """A data file, or a skip that says which one is missing."""
    if not path.exists():
        pytest.skip(f"real imagery is absent: {path}")
    return path


def scene(*stripes: tuple[int, int, int], noise: float = 4.0) -> NDArray[np.uint8]:
    """Noisy vertical stripes of 40 x 120 px, one a colour."""
    flat = np.repeat(np.array(stripes, np.float64), 40, axis=0)[np.newaxis].repeat(120, axis=0)
    return (flat + np.random.default_rng(1).normal(0, noise, flat.shape)).clip(0, 255).astype(np.uint8)


def stripes_of(labels: NDArray[np.uint8]) -> list[float]:
    """Share of flood in the inner part of every stripe."""
    return [float(labels[:, i + 4 : i + 36].mean()) for i in range(0, labels.shape[1], 40)]


@pytest.mark.parametrize(
    ("stripes", "expected"),
    [
        ((WATER, CROPS, WATER), [1, 0, 1]),
        ((WATER,), [1]),
        ((CROPS,), [0]),
        ((CROPS, (130, 120, 110)), [0, 0]),
        ((CROPS, SHADOW), [0, 0]),
        (((60, 100, 110), CROPS), [1, 0]),
        (((0, 70, 80), CROPS), [1, 0]),
    ],
    ids=["both", "all water", "no water", "crops and bare soil", "neutral shadow", "turbid", "zero NIR"],
)
def test_water_is_told_from_land(stripes: tuple[tuple[int, int, int], ...], expected: list[float]) -> None:
    """Scenes with, without and of nothing but water come out right with one set of constants."""
    np.testing.assert_allclose(stripes_of(predict(scene(*stripes))), expected, atol=0.02)


@pytest.mark.parametrize("gain", [0.75, 1.3])
def test_exposure_does_not_matter_much(gain: float) -> None:
    """The threshold follows the tile's own histogram."""
    nrg = (scene((50, 85, 95), CROPS).astype(float) * gain).clip(0, 255).astype(np.uint8)
    np.testing.assert_allclose(stripes_of(predict(nrg)), [1, 0], atol=0.02)


def test_padding_does_not_move_the_threshold() -> None:
    """Black padding, noisy as compression leaves it, changes nothing beside it and is not water where it is black."""
    nrg = scene(WATER, CROPS, (140, 130, 120))
    padding = np.random.default_rng(2).integers(0, 8, (120, 2000, 3), dtype=np.uint8)
    padded = predict(np.hstack([nrg, padding]))
    np.testing.assert_array_equal(padded[:, :118], predict(nrg)[:, :118])
    assert not predict(np.zeros((50, 50, 3), np.uint8)).any()


@given(st.integers(1, 12), st.integers(1, 12), st.randoms(use_true_random=False))
def test_answer_fits_any_image(height_px: int, width_px: int, random: object) -> None:
    """One label, 0 or 1, a pixel, down to images smaller than the smoothing window."""
    noise = np.random.default_rng(hash(random) % 2**32).integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)
    labels = predict(noise)
    assert labels.shape == (height_px, width_px)
    assert set(np.unique(labels)) <= {0, 1}


@pytest.mark.parametrize("shape", [(5, 5), (5, 5, 4)])
def test_another_shape_is_an_error(shape: tuple[int, ...]) -> None:
    """Bands are not guessed."""
    with pytest.raises(ValueError, match="expected uint8"):
        predict(np.zeros(shape, np.uint8))


def test_a_request_says_the_threshold() -> None:
    """What near infrared is below it is water; a request that says something else is refused."""
    nrg = scene((60, 70, 110), CROPS)
    assert stripes_of(predict(nrg, attributes(Split(80, 112)))) == pytest.approx([1, 0], abs=0.02)
    assert not predict(nrg, attributes(Split(30, 112))).any()
    for other in ("nir-threshold=256", "nir-threshold=-1", "threshold=80", "nir-threshold=80;nir-contrast=0"):
        with pytest.raises(EndpointRefused, match="nir-threshold=0 to 255"):
            predict(nrg, other)


@given(st.integers(0, 255), st.integers(1, 15), st.integers(0, 2**32 - 1))
def test_the_most_probable_label_is_the_label(nir: int, steps: int, seed: int) -> None:
    """For every threshold and contrast, in noise of all colours; and the two probabilities sum up to 1."""
    nrg = np.random.default_rng(seed).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    told = attributes(Split(nir, 16 * steps))
    found = probabilities(nrg, told)
    np.testing.assert_array_equal(found.argmax(axis=0), predict(nrg, told))
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-6)


def test_what_lies_at_the_threshold_is_a_toss_up() -> None:
    """Sure are the medians of water and land; a quarter of the way between them nobody knows."""
    nrg = scene((20, 200, 200), (55, 200, 200), (60, 200, 200), (180, 200, 200), noise=0)
    flood = probabilities(nrg, attributes(Split(60, 160)))[1]
    assert flood[5, 20::40].tolist() == pytest.approx([1, 0.5 + 5 / 80, 0.5, 0], abs=0.01)


@pytest.mark.parametrize("year", YEARS)
def test_errors_lie_where_the_model_is_unsure(year: int) -> None:
    """Of the least sure tenth of a real scene's pixels at least 60 % of all errors are part."""
    scene_ = prairie(year)
    nrg = scene_.sent()
    told = attributes(threshold_of([water_index.histogram(nrg, scene_.valid)]).split)
    confidence = np.abs(np.diff(probabilities(nrg, told), axis=0))[0][scene_.valid]
    errors = (predict(nrg, told).astype(bool) != scene_.water)[scene_.valid]
    least_sure = np.argsort(confidence, kind="stable")[: confidence.size // 10]
    assert errors[least_sure].sum() >= 0.6 * errors.sum()


@pytest.mark.parametrize("year", YEARS)
def test_real_frames_without_a_calibration(year: int) -> None:
    """Each frame by its own histogram, as where a request says nothing, agrees with people at IoU >= 0.96."""
    frames = list(prairie(year).cut(2))
    found = [predict(frame.sent()) == water_index.FLOOD for frame in frames]
    common = sum(int((one & frame.water & frame.valid).sum()) for one, frame in zip(found, frames, strict=True))
    either = sum(int(((one | frame.water) & frame.valid).sum()) for one, frame in zip(found, frames, strict=True))
    assert common / either >= 0.96


@pytest.mark.parametrize(("name", "share"), [("all_padding", 0), ("no_water", 0), ("all_water", 1)])
def test_uniform_files_of_the_corpus(name: str, share: int) -> None:
    """The whole tile is one answer, to the pixel."""
    with rasterio.open(needs(DATA / "edge" / f"{name}.jp2")) as source:
        nrg = np.ascontiguousarray(source.read((1, 2, 3)).transpose(1, 2, 0))
    assert (predict(nrg) == share).all()
