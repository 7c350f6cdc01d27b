"""Files and CRSs of a product in ISO 19115-3."""

from collections.abc import Iterator
from urllib.parse import quote
from xml.etree.ElementTree import Element

from pyproj import CRS

from tasks.core.metadata.file_kinds import kind_of, title_of
from tasks.core.metadata.iso.iso_citations import citation, identifier_node, online
from tasks.core.metadata.iso.iso_elements import code, node, text, valued
from tasks.core.metadata.resource import ProductFile, Resource

CODED = "EPSG:"
BYTES_PER_MB = 1_000_000


def distribution(resource: Resource) -> Element:
    """``mrd:MD_Distribution``: the formats, and where each main file is, relative to this document."""
    formats = dict.fromkeys(kind_of(file.path).format for file in resource.main_files)
    return node(
        "mrd:MD_Distribution",
        text("mrd:description", "Files beside this document; addresses are relative to it."),
        *(node("mrd:distributionFormat", _format(name)) for name in formats),
        *(node("mrd:transferOptions", _transfer(file)) for file in resource.main_files),
    )


def reference_systems(resource: Resource) -> Iterator[Element]:
    """``mrs:MD_ReferenceSystem``, one a CRS."""
    for crs in resource.crss:
        known = CRS.from_user_input(crs)
        if crs.startswith(CODED):
            name = identifier_node(crs.removeprefix(CODED), "EPSG", known.name)
        else:
            name = identifier_node(crs, "WKT2", known.name)
        kind = "projected" if known.is_projected else "geodeticGeographic2D"
        identifier = node("mrs:referenceSystemIdentifier", name)
        yield node(
            "mrs:MD_ReferenceSystem",
            identifier,
            code("mrs:referenceSystemType", "mrs:MD_ReferenceSystemTypeCode", kind),
        )


def vector_representation(resource: Resource) -> Element | None:
    """``msr:MD_VectorSpatialRepresentation``: how many polygons of flood there are; None where there are none."""
    count = sum(len(layer) for layer in resource.layers if layer.base == "flood_extent")
    if not count:
        return None
    objects = node(
        "msr:MD_GeometricObjects",
        code("msr:geometricObjectType", "msr:MD_GeometricObjectTypeCode", "surface"),
        valued("msr:geometricObjectCount", "gco:Integer", count),
    )
    level = code("msr:topologyLevel", "msr:MD_TopologyLevelCode", "geometryOnly")
    return node("msr:MD_VectorSpatialRepresentation", level, node("msr:geometricObjects", objects))


def _format(name: str) -> Element:
    return node("mrd:MD_Format", node("mrd:formatSpecificationCitation", citation(name)))


def _transfer(file: ProductFile) -> Element:
    about = kind_of(file.path).format + (f"; SHA-256 {file.sha256}" if file.sha256 else "")
    return node(
        "mrd:MD_DigitalTransferOptions",
        valued("mrd:transferSize", "gco:Real", f"{file.size / BYTES_PER_MB:.6f}"),
        node("mrd:onLine", online(f"./{quote(file.path)}", title_of(file.path), about)),
    )
