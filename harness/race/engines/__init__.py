"""Where children train: in this process, on Dask's workers, or nowhere, their scores being looked up."""
