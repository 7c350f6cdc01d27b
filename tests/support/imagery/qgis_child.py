"""QGIS in a process of its own: opens layers or a project, tells what it made of them, and renders.

Run by the system's Python, which has QGIS. Reads a request as JSON from standard input; writes the answer to a file.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsApplication,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsProject,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor


def opened(request: dict[str, Any]) -> dict[str, Any]:
    """Layers by name, in the order of the project where one is named."""
    if "project" in request:
        project = QgsProject.instance()
        project.read(request["project"])
        return {entry.layerId(): entry.layer() for entry in project.layerTreeRoot().findLayers()}
    layers = {name: QgsVectorLayer(source, name, "ogr") for name, source in request["sources"].items()}
    for name, path in request.get("slds", {}).items():
        layers[name].loadSldStyle(path)
    return layers


def about(layer: Any) -> dict[str, Any]:
    """What a test asks of a layer."""
    renderer = layer.renderer()
    rules = renderer.rootRule().children() if hasattr(renderer, "rootRule") else []
    symbols = [rule.symbol() for rule in rules] if rules else [renderer.symbol()] if renderer else []
    parts = [symbol.symbolLayer(number) for symbol in symbols for number in range(symbol.symbolLayerCount())]
    return {
        "valid": layer.isValid(),
        "title": layer.name(),
        "rules": [rule.label() for rule in rules],
        "parts": [f"{part.layerType()} {part.color().name()}" for part in parts],
        "label": layer.labeling().settings().fieldName if layer.labelsEnabled() else None,
    }


def render(layers: list[Any], picture: dict[str, Any]) -> None:
    """Draw layers, the first on top, on white."""
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setDestinationCrs(layers[0].crs())
    settings.setOutputSize(QSize(*picture["size"]))
    settings.setExtent(QgsRectangle(*picture["extent"]))
    settings.setBackgroundColor(QColor("white"))
    settings.setFlag(QgsMapSettings.Antialiasing, on=True)
    settings.setFlag(QgsMapSettings.DrawLabeling, on=picture.get("labels", False))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(picture["path"])


if __name__ == "__main__":
    request = json.load(sys.stdin)
    application = QgsApplication([], False)  # noqa: FBT003 - without windows
    application.initQgis()
    layers = opened(request)
    for picture in request.get("pictures", []):
        render([layers[name] for name in picture["layers"]], picture)
    Path(sys.argv[1]).write_text(json.dumps({name: about(layer) for name, layer in layers.items()}))
    os._exit(0)  # QGIS may crash when it ends, after all is done
