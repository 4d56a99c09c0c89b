"""The mixture of Gaussians, which is a prior and the base of others."""
