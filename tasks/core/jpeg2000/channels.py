"""Channels of a JP2 image: which component of the codestream holds near infrared, red, green and alpha.

Colours 1, 2, 3 are near infrared, red, green, in whatever components the channel definitions (cdef) put them, and alpha
is the component of type opacity. Where they say nothing, and in a bare codestream, bands follow each other as the
components do.

Sources: ISO/IEC 15444-1:2019, I.5.3.4 to I.5.3.6 (boxes pclr, cmap, cdef).
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tasks.core.errors import NotNrg
from tasks.core.jpeg2000.colour_spaces import Samples, read_samples

COLOURS = 3  # NRG
WITH_ALPHA = 4
COUNT_BYTES, DEFINITION = 2, struct.Struct(">HHH")
COLOUR, OPACITY, PREMULTIPLIED_OPACITY = 0, 1, 2
WHOLE_IMAGE, NO_COLOUR = 0, 65535


@dataclass(frozen=True, slots=True)
class Channels:
    """Where in a codestream the bands are.

    Attributes:
        colours: Components (from 0) of near infrared, red, green; of luma and the two chromas where `luma_chroma`.
        fourth: The component beside them; None where there are three.
        alpha_declared: Whether the fourth is declared to be alpha; else its samples must show it.
        premultiplied: Whether the colours were multiplied by alpha.
        luma_chroma: Whether the colours are sYCC and must be converted.
    """

    colours: tuple[int, ...]
    fourth: int | None = None
    alpha_declared: bool = False
    premultiplied: bool = False
    luma_chroma: bool = False

    @property
    def order(self) -> tuple[int, ...]:
        """The components in the order near infrared, red, green, alpha."""
        return self.colours if self.fourth is None else (*self.colours, self.fourth)


def read_channels(boxes: Sequence[tuple[bytes, bytes]], components: int, name: str) -> Channels:
    """Where the bands of an image are.

    Args:
        boxes: Kind and content of the boxes of the JP2 header; none for a bare codestream.
        components: Of the codestream.
        name: The file's name, for messages.

    Raises:
        NotNrg: A palette, too many or too few bands, a colour space that is not converted, or definitions that
            contradict themselves.
    """
    if any(kind in {b"pclr", b"cmap"} for kind, _ in boxes):
        raise NotNrg(f"{name}: its colours come from a palette: expected bands. Export it as NRG without a palette")
    if components not in (COLOURS, WITH_ALPHA):
        raise NotNrg(f"{name}: {components} band(s): expected 3 (NRG) or 4 (NRG and alpha). Export it as NRG")
    luma_chroma = read_samples([content for kind, content in boxes if kind == b"colr"], name) is Samples.LUMA_CHROMA
    definitions = next((content for kind, content in boxes if kind == b"cdef"), bytes(COUNT_BYTES))
    colours, alphas = _sorted(_entries(definitions, components, name), name)
    rest = [component for component in range(components) if component not in alphas]
    if len(rest) < COLOURS:
        raise _contradiction(name, f"{len(alphas)} of {components} bands are alpha")
    in_order = colours == {1: rest[0]} or not colours  # as greyscale has it: the other bands are not described
    if not in_order and len(colours) < COLOURS:
        raise _contradiction(name, f"they name {len(colours)} of the 3 colours")
    chosen = tuple(rest[:COLOURS]) if in_order else tuple(colours[number] for number in sorted(colours))
    fourth = next((component for component in range(components) if component not in chosen), None)
    premultiplied = fourth is not None and alphas.get(fourth) == PREMULTIPLIED_OPACITY
    if premultiplied and luma_chroma:
        raise NotNrg(f"{name}: its luma and chroma (sYCC) are multiplied by alpha. Export it as RGB or NRG")
    return Channels(chosen, fourth, fourth in alphas, premultiplied, luma_chroma)


def _sorted(entries: Iterator[tuple[int, int, int]], name: str) -> tuple[dict[int, int], dict[int, int]]:
    """Colour -> component, and component -> kind of opacity."""
    colours: dict[int, int] = {}
    alphas: dict[int, int] = {}
    for component, kind, colour in entries:
        if kind == COLOUR and 0 < colour <= COLOURS:
            if colour in colours:
                raise _contradiction(name, f"colour {colour} is in bands {colours[colour] + 1} and {component + 1}")
            colours[colour] = component
        elif kind in (OPACITY, PREMULTIPLIED_OPACITY):
            if colour not in (WHOLE_IMAGE, NO_COLOUR):
                raise _contradiction(name, f"band {component + 1} is the alpha of colour {colour} alone")
            alphas[component] = kind
    return colours, alphas


def _entries(definitions: bytes, components: int, name: str) -> Iterator[tuple[int, int, int]]:
    """Component, type and association of every definition: each component of the image at most once."""
    count, entries = int.from_bytes(definitions[:COUNT_BYTES]), definitions[COUNT_BYTES:]
    if len(definitions) < COUNT_BYTES or len(entries) != count * DEFINITION.size:
        raise _contradiction(name, f"{len(entries)} bytes for {count} definitions")
    seen: set[int] = set()
    for component, kind, colour in DEFINITION.iter_unpack(entries):
        if component >= components:
            raise _contradiction(name, f"band {component + 1} of {components} is defined")
        if component in seen:
            raise _contradiction(name, f"band {component + 1} is defined twice")
        seen.add(component)
        yield component, kind, colour


def _contradiction(name: str, what: str) -> NotNrg:
    return NotNrg(f"{name}: its channel definitions (cdef) contradict themselves: {what}. Export it again as NRG")
