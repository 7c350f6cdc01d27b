"""The product once more, in the words of a service that its readers know."""
