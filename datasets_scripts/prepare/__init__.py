"""Write a corpus as Parquet shards, and look at it: `python -m datasets_scripts.prepare`."""

RECORDS_PER_SHARD = 1000  # about 50 MB of Parquet, and what a kill costs at most per process
