"""`make bench`: what the store costs beside raw pymongo, on the same documents, in the same run. See `__main__`."""
