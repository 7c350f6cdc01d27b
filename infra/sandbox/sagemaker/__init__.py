"""SageMaker as the sandbox has it: moto's records, with the life cycle, rules and answers that it lacks."""
