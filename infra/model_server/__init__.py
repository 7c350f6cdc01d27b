"""A model behind the SageMaker container contract: GET /ping, POST /invocations."""
