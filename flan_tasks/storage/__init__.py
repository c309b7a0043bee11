"""Object stores, through fsspec: files read and written whole, and a lock all machines see."""
