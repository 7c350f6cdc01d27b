"""What the stack's role for runs may tag, as its policy in ``infra/aws/template.yaml`` says it.

A creation brings its tags along. Apart from that only the lease of what carries our tag may be set anew: else whoever
has the role could make somebody else's endpoint look like ours, and delete it.
"""

from collections.abc import Iterable, Mapping

from infra.sandbox.wire import CALLER, Call, Refused
from tasks.services.endpoints.teardown.sagemaker_resources import LEASE_TAG, PROJECT, PROJECT_TAG


def check_tagging(call: Call, there: Iterable[Mapping[str, str]]) -> None:
    """Hold a call of AddTags against the policy.

    Args:
        call: To be judged.
        there: Tags that the resource carries; none where it does not exist.

    Raises:
        Refused: In AWS's words.
    """
    ours = any((tag["Key"], tag["Value"]) == (PROJECT_TAG, PROJECT) for tag in there)
    if not ours or {tag["Key"] for tag in call.parameters.get("Tags", ())} - {LEASE_TAG}:
        raise Refused(
            f"User: {CALLER} is not authorized to perform: sagemaker:AddTags on resource: {call.name} because no "
            "identity-based policy allows the sagemaker:AddTags action",
            code="AccessDeniedException",
        )
