"""The only modules that touch AWS: thin adapters, plain values in and out."""
