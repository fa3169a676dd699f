"""Write a corpus as Parquet shards, and look at it: `python -m datasets_scripts.prepare`."""
