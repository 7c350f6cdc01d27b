"""The product: its layers, and what each of them accounts for."""
