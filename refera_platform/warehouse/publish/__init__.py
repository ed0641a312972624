"""Publication of a green build: objects, manifest and fixed keys. Builds nothing: ``warehouse.build`` does."""
