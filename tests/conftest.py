"""What all tests share."""

from hypothesis import settings

# A loaded machine is not a fault: time is measured by the benchmarks, never asserted by tests.
settings.register_profile("flood-extent", deadline=None)
settings.load_profile("flood-extent")
