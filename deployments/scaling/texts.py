"""What ``docs/scaling.md`` says around its tables."""

BEFORE = """\
# Scaling

What datasets of tiles of 10,000 px take, and where limits are met. `python -m deployments.scaling` writes this page
from [unit costs](#unit-costs) that benchmarks have measured, [prices](#prices) that you replace, and a way of running
each size: `unit_costs.toml`, `prices.toml` and `ways.toml` in `deployments/scaling/`. With files of your own (`--prices
FILE`, `--costs FILE`, `--ways FILE`) it prints the page instead. It is arithmetic, not a measurement: the largest run
that was measured had 10,000 tiles of 256 px, on one machine (`growth`).

## What it takes
"""

AFTER_NEEDS = """
- All tiles are taken to be as flooded as the benchmark's tile, with so many `vertices` each: that decides memory and
  time of assembling. A dry tile takes `planning_bytes` alone. Put in your own: vertices of `flood_extent` of a small
  run, divided by its tiles.
- Assembling grows a little faster than the tiles (`assembling`: n^1.07 to n^1.15 up to 1,600 tiles); the table takes
  what a vertex cost in the largest scene that was measured.
- A worker has as many tiles in flight as processors, and a frame's way from S3 is not hidden behind the decode.
- With several campaigns, memory and vertices are those of one.
"""

WAYS_TEXT = """
- **One run** is enough where one worker keeps the endpoint busy. After a fault it is started again: what is cached is
  kept, so that costs minutes.
- **A campaign** (flow `flood-campaign`), where several workers are wanted, and a lost process is to cost a block at
  most. Its own process takes a place of the work pool, beside those of its blocks.
- **Several campaigns**, by catchment or MGA zone, where the memory of what assembles says so. Each makes a product of
  its own, on an endpoint of its own; extents are not joined across them.
- **Instances** are paid by the hour, so more of them for a shorter time cost little more, as long as workers keep them
  busy: *stages wait most for* should say `endpoint`. Where it says `workers`, raise `parallel_blocks`.
- **A transform job** (`endpoint` `batch`) waits for nothing:
  [which one](sagemaker.md#a-transform-job-instead-of-an-endpoint).

The largest, on ECS; its task definition gives each run the memory above:

```sh
prefect work-pool update flood-extent-ecs --concurrency-limit 9    # the campaign and eight blocks
prefect global-concurrency-limit update flood-extent-endpoints --limit 20
prefect deployment run flood-campaign/aws --params '{
    "dataset": "s3://BUCKET/zone_56_north", "block_size": 1000, "parallel_blocks": 8,
    "settings": {"endpoint": "sagemaker", "training_job": "JOB", "instance_count": 20, "max_endpoint_minutes": 480}}'
```
"""

COSTS_TEXT = """
## What it costs

In the currency of the [prices](#prices), which are examples. Machines are those of workers, server, and what plans and
assembles, from start to end.
"""

SIZE_TEXT = """
## Limits by size

The first one first, for products whose tiles are all as flooded as the benchmark's.
"""

RATE_TEXT = """
## Limits by rate

The slowest first.
"""

AFTER_LIMITS = """
- AWS's quota counts instances of a type that serve endpoints; `flood-extent plan` reads the account's. The global
  concurrency limit of Prefect counts those of all runs. Set both before `instance_count`.
- Keys in the work directory lie under a few prefixes (`cache/prepare`, `cache/records/prepare`, `scratch`, …) and begin
  with a hash, by which S3 can split them. While it does, it answers 503, which is retried.

## The Prefect server

| | one machine: `flood-extent serve` | a team: `deployments/compose.yaml` |
| --- | --- | --- |
| database | SQLite, or `--database` with PostgreSQL | PostgreSQL |
| server | one process | server and services apart, Redis between them |
| events are kept | 30 days | 7 days |
| runs are kept | 30 days | 180 days |

Most of the database are events and what they are about, which go first; the settings are in the
[runbook](../deployments/RUNBOOK.md#database-vacuum-and-retention). No run meets a limit of SQLite's size; what does not
scale is its one writer: several workers, or [pages that hang](../deployments/RUNBOOK.md#the-dashboard-lags) while runs
go on, want PostgreSQL. What a page shows is bounded whatever the size: 2,000 rows of tiles, 50 failed blocks by name,
one picture of the blocks.
"""

COST_FIGURES = """
## Unit costs

In backticks the benchmark (`make bench`) that measured it.
"""

PRICE_FIGURES = """
## Prices

All of them are examples, to be replaced by your own.
"""

LEFT_OUT = """
## What is not in it

Retries, failed tiles, and blocks done twice; transfer out of a region, gateways, load balancers, logs, disks; a
calibration over all tiles, for which a campaign of `water-index` prepares them in a phase of its own; optional formats,
exposure, smoothing; chips, each of which is a request; orders and results of blocks, some four requests to S3 a block.
"""
