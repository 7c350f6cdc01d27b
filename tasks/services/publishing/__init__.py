"""The product under its final name, locally or in S3, over nothing that is somebody else's."""
