"""What a reader of a product must know of it, whatever file he opens."""

from collections.abc import Sequence

from tasks.core.formats.layer_titles import CLOUD, WATER
from tasks.core.product.edition import Edition
from tasks.core.product.layer import Layer


def known_weaknesses(layers: Sequence[Layer], edition: Edition) -> list[str]:
    """A sentence or two each: what holds of this product alone, then what of every one."""
    tells_apart = any(layer.base == "normal_water" for layer in layers)
    return list(dict.fromkeys([*edition.weaknesses, CLOUD, *(() if tells_apart else (WATER,))]))
