"""Areas that people give: normal water, ground to exclude, the area of interest; and water told apart by them."""
