"""The harness: datasets, pairs, cells, metrics, store, report, and the `bench` command."""
