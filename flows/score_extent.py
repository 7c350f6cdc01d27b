"""The score-extent flow: a product compared with polygons of the true flood, as ``flood-extent score`` does it.

Run it from a deployment with ``prefect deployment run score-extent/local``, from the UI, or for every product that is
published: ``prefect.yaml`` has a trigger for that, which is off until somebody gives it a reference.
"""

from typing import Any

from prefect import State, flow
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from flows.parameter_types import Text
from flows.run import run_identity
from tasks.agreement import compare_with_reference, show_agreement, write_agreement
from tasks.core.errors import FloodExtentError
from tasks.core.scoring.score_page import essentials
from tasks.runtime.aws_credentials import aws_access
from tasks.runtime.policies import as_it_is
from tasks.services import storage
from tasks.services.temp_folders import temp_folder


@flow(name="score-extent", persist_result=False)
def score_extent(
    product: Text, reference: Text, output_directory: Text | None = None, aws_block: Text | None = None
) -> State[Any]:
    """Compare a product with reference polygons: overall and by tile, as table, picture and files.

    Args:
        product: A product's folder, or one of its files: local or s3://.
        reference: Polygons of the true flood, local or s3://, in any vector format of GDAL's; its first layer with any.
        output_directory: Where layer and picture of the agreement, CSV and JSON go: local or s3://; without, nowhere.
        aws_block: Name of a prefect-aws AwsCredentials block; without one, AWS's default chain is used.
    """
    run_identity.begin(f"score of {storage.name(product).replace('_', ' ')}")
    try:
        with aws_access(aws_block, None), temp_folder("agreement") as folder:
            found = compare_with_reference(product, reference)
            if isinstance(found, State):
                return Failed(message=found.message)
            place = write_agreement(as_it_is(found), folder, output_directory)
            show_agreement(found, folder, place)
    except FloodExtentError as error:
        get_run_logger().error("%s", error)
        return Failed(message=str(error), data=error)
    doubt = f"; {found.warning}" if found.warning else ""
    return Completed(message=f"{essentials(found.assessment.score)}{doubt}")
