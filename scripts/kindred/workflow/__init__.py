"""Common needs of all jobs: stores, logs and progress, code fingerprints, tiles, the device, errors."""
