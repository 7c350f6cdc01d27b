"""All benchmarks, each a ratio measured in one run: ``make bench``."""

import decode
import polygons
import tile

for benchmark in (decode, tile, polygons):
    benchmark.run()
