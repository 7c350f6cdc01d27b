"""Elements of ISO 19115-3: how its XML is put together.

Tags carry their prefixes, which the root binds to namespaces: the same everywhere, whatever else this process writes.
Each property element holds one value: text, a date, a number, a code of a list, or an object.
"""

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from tasks.core.text import safe_text

ISO = "http://standards.iso.org/iso"
NAMESPACES = {
    "cit": f"{ISO}/19115/-3/cit/2.0",
    "gco": f"{ISO}/19115/-3/gco/1.0",
    "gex": f"{ISO}/19115/-3/gex/1.0",
    "gml": "http://www.opengis.net/gml/3.2",
    "lan": f"{ISO}/19115/-3/lan/1.0",
    "mcc": f"{ISO}/19115/-3/mcc/1.0",
    "mco": f"{ISO}/19115/-3/mco/1.0",
    "mdb": f"{ISO}/19115/-3/mdb/2.0",
    "mdq": f"{ISO}/19157/-2/mdq/1.0",
    "mmi": f"{ISO}/19115/-3/mmi/1.0",
    "mrd": f"{ISO}/19115/-3/mrd/1.0",
    "mri": f"{ISO}/19115/-3/mri/1.0",
    "mrl": f"{ISO}/19115/-3/mrl/2.0",
    "mrs": f"{ISO}/19115/-3/mrs/1.0",
    "msr": f"{ISO}/19115/-3/msr/2.0",
    "xlink": "http://www.w3.org/1999/xlink",
}
CODE_LISTS = f"{ISO}/19115/resources/Codelists/cat/codelists.xml"


def node(tag: str, *children: Element | None, **attributes: str) -> Element:
    """An element with its children; without those that are None. In attributes ``_`` stands for ``:``."""
    made = Element(tag, {name.replace("_", ":"): value for name, value in attributes.items()})
    made.extend(child for child in children if child is not None)
    return made


def valued(tag: str, kind: str, value: object, **attributes: str) -> Element:
    """A property with a value of a kind such as ``gco:Decimal``."""
    made = Element(tag)
    SubElement(made, kind, attributes).text = safe_text(value)
    return made


def text(tag: str, value: object) -> Element:
    """A property with text."""
    return valued(tag, "gco:CharacterString", value)


def optional_text(tag: str, value: object | None) -> Element | None:
    """A property with text; None where there is none."""
    return None if value is None else text(tag, value)


def code(tag: str, code_list: str, value: str) -> Element:
    """A property with a value of a code list, such as ``cit:CI_RoleCode``."""
    made = Element(tag)
    name = code_list.partition(":")[2]
    SubElement(made, code_list, {"codeList": f"{CODE_LISTS}#{name}", "codeListValue": value}).text = value
    return made


def missing(tag: str) -> Element:
    """A property that must be there and is not known."""
    return node(tag, gco_nilReason="missing")


def document(root: Element) -> bytes:
    """The bytes of a document, indented; the same for the same elements."""
    for prefix, uri in NAMESPACES.items():
        root.set(f"xmlns:{prefix}", uri)
    indent(root)
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"
