"""The models that label water: the built-in baseline, and any ONNX file."""
