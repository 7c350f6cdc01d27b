"""Colour specifications (colr) of a JP2 header: whether samples are bands, luma and chroma, or something else.

NRG travels as a false colour: near infrared in the place of red, red of green, green of blue. So any RGB space will do,
whatever its tone curve. "Greyscale" beside three or four components says nothing of them: GDAL writes it for bands that
are not red, green, blue. Luma and chroma are another matter: taken for NRG, land looks like water.

Sources: ISO/IEC 15444-1:2019, I.5.3.3; ISO/IEC 15444-2, annex M (enumerated colour spaces); ICC.1:2022, 7.2 (profile
header); ITU-T H.273 (matrix 0 is the identity).
"""

import struct
from collections.abc import Sequence
from enum import Enum

from tasks.core.errors import NotNrg

ENUMERATED, RESTRICTED_ICC, ANY_ICC, VENDOR, PARAMETERS = 1, 2, 3, 4, 5  # METH
SPECIFICATION_START = 3  # behind METH, PREC, APPROX
CODE_POINTS = struct.Struct(">HHH")  # primaries, transfer, matrix
ICC_SPACE = slice(16, 20)
ICC_BANDS = {b"RGB ", b"GRAY"}
SYCC = 18
# 0 is what OpenJPEG writes for "not specified"; bi-level, as the standard has it, would be one component of one bit.
BANDS = {0: "unspecified", 16: "sRGB", 17: "greyscale", 20: "e-sRGB", 21: "ROMM-RGB"}
OTHERS = {
    1: "YCbCr(1)",
    3: "YCbCr(2)",
    4: "YCbCr(3)",
    9: "PhotoYCC",
    11: "CMY",
    12: "CMYK",
    13: "YCCK",
    14: "CIELab",
    15: "bi-level",
    19: "CIEJab",
    22: "YPbCr(1125/60)",
    23: "YPbCr(1250/50)",
    24: "e-sYCC",
}


class Samples(Enum):
    """What the samples of an image are."""

    BANDS = "bands"
    LUMA_CHROMA = "sYCC"
    OTHER = "other"


def read_samples(specifications: Sequence[bytes], name: str) -> Samples:
    """What the samples are, by all colr boxes (their contents) that can be understood; bands where there is none.

    Raises:
        NotNrg: They contradict each other, none can be understood, or it is a space that is not converted.
    """
    described = [_described(content, name) for content in specifications]
    known = {label: samples for label, samples in described if samples is not None}
    if described and not known:
        raise NotNrg(f"{name}: its colour space is {described[0][0]}: expected NRG. Export it as RGB or NRG")
    if len(set(known.values())) > 1:
        raise NotNrg(
            f"{name}: its header names two colour spaces, {' and '.join(known)}. Export it again as RGB or NRG"
        )
    for label, samples in known.items():
        if samples is Samples.OTHER:
            raise NotNrg(f"{name}: its colours are stored as {label}: expected NRG. Export it as RGB or NRG")
    return next(iter(known.values()), Samples.BANDS)


def _described(content: bytes, name: str) -> tuple[str, Samples | None]:
    """What people call a colour space, and what its samples are; None where nobody can tell."""
    method, specification = content[:1], content[SPECIFICATION_START:]
    try:
        if method == bytes([ENUMERATED]):
            return _enumerated(*struct.unpack_from(">I", specification))
        if method == bytes([PARAMETERS]):
            matrix = CODE_POINTS.unpack_from(specification)[2]
            return f"luma and chroma (H.273 matrix {matrix})", Samples.OTHER if matrix else Samples.BANDS
    except struct.error as error:
        raise NotNrg(f"{name}: damaged: its colour space has {len(content)} bytes. Copy it again") from error
    if method in (bytes([RESTRICTED_ICC]), bytes([ANY_ICC])):
        space = specification[ICC_SPACE]
        label = f"{space.decode('ascii', 'replace').strip() or 'nothing'} (by its ICC profile)"
        return label, Samples.BANDS if space in ICC_BANDS else Samples.OTHER
    return "a vendor's own" if method == bytes([VENDOR]) else f"given by an unknown method ({method.hex()})", None


def _enumerated(number: int) -> tuple[str, Samples]:
    if number in BANDS:
        return f"{BANDS[number]} (enumerated colour space {number})", Samples.BANDS
    if number == SYCC:
        return f"luma and chroma (sYCC, enumerated colour space {number})", Samples.LUMA_CHROMA
    return f"{OTHERS.get(number, 'an unknown space')} (enumerated colour space {number})", Samples.OTHER
