"""Where things lie on the ground: grids, coordinate reference systems, true areas."""
