"""Everything that can be wrong with an installation, each with what mends it: `reporter doctor`."""
