"""Outlines without pixel steps, for maps: neighbours keep their shared edges, and a proof says what it cost."""
