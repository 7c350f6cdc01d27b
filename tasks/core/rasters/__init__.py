"""The product as pixels: labels, confidence, flood mask and mosaic, as Cloud Optimized GeoTIFF."""
