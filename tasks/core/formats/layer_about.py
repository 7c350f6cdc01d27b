"""What a file says of a layer: its title and what it holds, with the CRS where the product has several."""

from tasks.core.formats.layer_titles import LAYERS, About
from tasks.core.product.layer import Layer


def about(layer: Layer) -> About:
    """Title and description; of a layer that is not in ``layer_titles`` its name."""
    known = LAYERS.get(layer.base, About(layer.name, ""))
    in_crs = f" ({layer.suffix.strip('_')})" if layer.suffix else ""
    more = f" {layer.left_out:,} more, of less weight, are not in it." if layer.left_out else ""
    return About(known.title + in_crs, known.description + more)
