"""Forecast of a study's costs: jobs of Snakemake's own DAG, times rates measured on a few images."""
