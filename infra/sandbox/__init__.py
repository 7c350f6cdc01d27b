"""A local AWS on one loopback port: moto's services, and the behaviour of SageMaker endpoints that moto lacks."""
