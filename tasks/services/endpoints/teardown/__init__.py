"""What deletes SageMaker endpoints: the standard library and boto3 alone, as AWS Lambda runs it."""
