"""``python busy_run.py FASTER ARGUMENT …``: ``flood-extent`` where deploying takes a ``FASTER``-th of its minutes."""

import sys

from flows.command_line.cli import main
from tasks.core.tiles import estimates
from tasks.services.endpoints.sagemaker import hosting

if __name__ == "__main__":
    faster = float(sys.argv[1])
    estimates.DEPLOY_MINUTES /= faster
    hosting.SHORTEST_POLL /= faster
    hosting.LONGEST_POLL /= faster
    sys.exit(main(sys.argv[2:]))
