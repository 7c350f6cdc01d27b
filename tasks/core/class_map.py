"""Class maps: which label each class of a model is, in the model's order.

A label is 0 other, 1 flood, 2 flood with cloud, or 3 ignored: ground that the model has no answer for.
"""

from collections.abc import Sequence

import numpy as np

from tasks.core.arrays import Float32Array

OTHER, FLOOD, FLOOD_UNDER_CLOUD, IGNORED = 0, 1, 2, 3
LABELS = (OTHER, FLOOD, FLOOD_UNDER_CLOUD)  # of classes that are not mapped
MAPPED_LABELS = (*LABELS, IGNORED)
FEWEST_CLASSES = 2


def checked(class_map: tuple[int, ...]) -> tuple[int, ...]:
    """The same map.

    Raises:
        ValueError: It says nothing that a map of the flood could be made of.
    """
    if len(class_map) < FEWEST_CLASSES or not set(class_map) <= set(MAPPED_LABELS) or FLOOD not in class_map:
        raise ValueError("give the label of each class of the model in its order, and 1, flood, among them")
    return class_map


def is_unmapped(class_map: Sequence[int]) -> bool:
    """Whether each class is the label of its number."""
    return tuple(class_map) == tuple(range(len(class_map)))


def by_label(probabilities: Float32Array, class_map: Sequence[int]) -> Float32Array:
    """The most probable class of each label stands for it.

    Args:
        probabilities: float32 (classes, height, width).
        class_map: The label of each class.

    Returns:
        float32 (labels, height, width), up to the largest of the map's; they sum up to 1.
    """
    if is_unmapped(class_map[: len(probabilities)]):
        return probabilities
    members = [[number for number, label in enumerate(class_map) if label == one] for one in range(max(class_map) + 1)]
    found = np.stack([probabilities[one].max(axis=0, initial=0) for one in members])
    return np.asarray(found / found.sum(axis=0), np.float32)
