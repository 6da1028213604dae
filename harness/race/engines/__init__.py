"""Where children train: in this process, on Dask's workers, or nowhere, if their scores are looked up."""
