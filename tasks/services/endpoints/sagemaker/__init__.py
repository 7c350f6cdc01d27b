"""An endpoint in SageMaker: checked beforehand, created, asked, leased."""
