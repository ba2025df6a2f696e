"""Figures for papers: a column wide (3.3 inches), as vector PDF and as PNG, with intervals wherever there are seeds."""
