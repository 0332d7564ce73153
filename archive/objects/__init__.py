"""The object store, the sealing of what lies in it, and the keys that open it."""
