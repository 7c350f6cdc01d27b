"""JPEG2000 frames: judged by their structure, then decoded at a reduced resolution."""
