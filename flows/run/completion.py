"""``only_failed_of``: do again just the tiles that failed in an earlier run, and complete its product.

What that run asked and what became of its tiles is read from its ``run.json``, not from Prefect: the record stays where
the product goes, whoever's server it was.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from flows.parameters import ENDPOINT_SETTINGS, RunParameters
from flows.preflight import product_uri
from flows.run.earlier_record import SETTINGS, check_record, settings_of
from tasks.core.errors import FloodExtentError, UnusableArgument
from tasks.core.models.nir_threshold import Split, Threshold
from tasks.core.text import enumerated
from tasks.core.tiles.ledger import DROPPED
from tasks.core.tiles.tile import Tile
from tasks.services import storage
from tasks.services.endpoints.endpoint_kinds import LOCAL, endpoint_service
from tasks.services.work_directory import run_records


@dataclass(frozen=True)
class EarlierRun:
    """A run that is to be completed.

    Attributes:
        uri: Of its record.
        record: Its ``run.json``.
    """

    uri: str
    record: Mapping[str, Any]

    @classmethod
    def find(cls, parameters: RunParameters) -> Self:
        """The run that ``only_failed_of`` names.

        Raises:
            UnusableArgument: No record of it can be found, or it is of another dataset.
        """
        run, places = _id_and_places(parameters)
        for uri in places:
            record = run_records.read(uri)
            if record is not None and (run is None or str(record.get("flow_run_id")) == str(run)):
                check_record(record, uri)
                dataset = storage.resolve(parameters.dataset)
                if dataset != record["dataset"]:
                    raise UnusableArgument(
                        f"dataset {dataset}: {uri} is the record of a run on {record['dataset']}. Give that one"
                    )
                return cls(uri, record)
        raise UnusableArgument(
            f"`only_failed_of` {parameters.only_failed_of}: there is no run.json of it in {' or '.join(places)}. Give "
            "the folder of its product, or the `work_directory` that it used"
        )

    def taken_over(self, given: RunParameters, explicit: Collection[str]) -> RunParameters:
        """The parameters to complete the product with: the earlier run's settings, the product's place, else the given.

        Args:
            given: As asked. A setting that stands at its default was not asked for, and is the earlier run's.
            explicit: Names of settings that were asked for all the same.

        Raises:
            UnusableArgument: A setting was asked for that differs, the model is another one by now, or the run used an
                endpoint elsewhere and nobody has asked for that.
        """
        self._check_endpoint_was_asked_for(given)
        settings = {name: self._setting(name, given, explicit) for name in SETTINGS}
        place = storage.resolve(given.output_directory)
        if self._is_product:
            place = storage.parent(storage.parent(self.uri))
            if "output_directory" in explicit and storage.resolve(given.output_directory) != place:
                raise UnusableArgument(
                    f"`output_directory` {given.output_directory}: the product to complete is in {place}. Leave it out"
                )
        parameters = RunParameters(**{**given.model_dump(), **settings, "output_directory": place})
        identity = endpoint_service(parameters.endpoint_spec()).model_identity()
        if identity != self.model_identity:
            raise UnusableArgument(
                f"`only_failed_of` {given.only_failed_of}: the model has changed since that run, so its other tiles "
                "would not fit. Run without `only_failed_of`"
            )
        return parameters

    @property
    def model_identity(self) -> str:
        """Of the model that answered then."""
        return str(self.record["model_identity"])

    @property
    def _is_product(self) -> bool:
        return storage.name(self.uri) == run_records.RECORD

    @property
    def settings(self) -> dict[str, Any]:
        """What the earlier run was made with; the contour size as a reviewer has raised it."""
        review = self.record.get("review") or {}
        raised = review.get("min_contour_size")
        return settings_of(self.record) | ({} if raised is None else {"min_contour_size": raised})

    @property
    def description(self) -> str:
        """What is taken over of its settings that a new run would not have by itself."""
        defaults = {name: RunParameters.model_fields[name].default for name in SETTINGS}
        differing = [f"{name} {value}" for name, value in self.settings.items() if value != defaults[name]]
        return f"from {self.uri}: {', '.join(differing) or 'all settings are the defaults'}"

    def _check_endpoint_was_asked_for(self, given: RunParameters) -> None:
        """What costs money, or gets frames sent, is not used because a file says so."""
        then = {name: self.settings[name] for name in ENDPOINT_SETTINGS}
        if then["endpoint"] != LOCAL and then != {name: getattr(given, name) for name in ENDPOINT_SETTINGS}:
            named = " and ".join(f"`{name}` {value}" for name, value in then.items() if value is not None)
            raise UnusableArgument(
                f"`only_failed_of` {given.only_failed_of}: that run sent its frames to another machine, which may cost "
                f"money. To do so again, give {named} too, and nothing else of these, if that is yours ({self.uri} "
                "names it)"
            )

    def _setting(self, name: str, given: RunParameters, explicit: Collection[str]) -> Any:
        then, now = self.settings[name], getattr(given, name)
        if now != then and (name in explicit or now != RunParameters.model_fields[name].default):
            raise UnusableArgument(
                f"`{name}` {now!r}: the run to complete was made with {then!r}. Leave it out, or run without "
                "`only_failed_of`"
            )
        return then

    def check_tiles(self, tiles: Sequence[Tile]) -> None:
        """Refuse a dataset that has got or lost tiles since: the product would not be that run's completed.

        Raises:
            UnusableArgument: With some of their names.
        """
        before, now = {row["tile"] for row in self.record["tiles"]}, {tile.id for tile in tiles}
        changes = [("new", now - before), ("missing", before - now)]
        message = "; ".join(f"{len(names)} {what} ({enumerated(sorted(names))})" for what, names in changes if names)
        if message:
            raise UnusableArgument(
                f"the dataset has changed since the run to complete: tiles {message}. Run without `only_failed_of`: "
                "what is done is not computed again"
            )

    def rows(self, state: str) -> list[Mapping[str, Any]]:
        """The rows of the tiles that ended so."""
        return [row for row in self.record["tiles"] if row["state"] == state]

    @property
    def threshold(self) -> Threshold | None:
        """What all its tiles were mapped with; None where that were several, or it was no calibration, or of few."""
        found: list[dict[str, Any]] = self.record.get("calibration") or []
        if len(found) != 1 or found[0]["problem"] is not None or 2 * found[0]["tiles"] < len(self.record["tiles"]):
            return None
        return Threshold.from_dict({**found[0], "tiles": ()})

    @property
    def told(self) -> dict[str, Split]:
        """What the model was told then, by tile."""
        rows = [(row["tile"], row.get("nir_threshold"), row.get("nir_contrast")) for row in self.record["tiles"]]
        return {tile: Split(nir, contrast) for tile, nir, contrast in rows if None not in (nir, contrast)}

    @property
    def dropped(self) -> dict[str, str]:
        """Tiles that a person left out, with the words on it: they stay out."""
        return {row["tile"]: row["error"] for row in self.rows(DROPPED)}


def _id_and_places(parameters: RunParameters) -> tuple[UUID | None, list[str]]:
    """The id of the run to complete, and where its record may be; None where a folder is named, whatever lies there."""
    named = str(parameters.only_failed_of)
    try:
        run = UUID(named)
    except ValueError:
        folder = named.rstrip("/").removesuffix(f"/{run_records.RECORD}")
        return None, [storage.join(storage.resolve(folder), run_records.RECORD)]
    work = run_records.record_uri(storage.resolve(parameters.work_directory), run)
    return run, [work, storage.join(product_uri(parameters), run_records.RECORD)]


def completed_parameters(
    given: RunParameters, explicit: Collection[str] = ()
) -> tuple[RunParameters, EarlierRun | None]:
    """The parameters that a run really has, and the earlier run that it completes, if it is asked to.

    Args:
        given: As asked.
        explicit: Names of parameters that were asked for by name, even where they stand at their default.

    Raises:
        UnusableArgument: It cannot be completed as asked.
    """
    if given.only_failed_of is None:
        return given, None
    try:
        earlier = EarlierRun.find(given)
        return earlier.taken_over(given, explicit), earlier
    except UnusableArgument:
        raise
    except (FloodExtentError, KeyError, TypeError, ValueError) as error:  # the record is a file that people can change
        raise UnusableArgument(f"`only_failed_of` {given.only_failed_of}: {error}") from error
