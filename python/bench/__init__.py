"""The benchmark of `make bench`: one forest, the same rows, every engine. docs/benchmark.md says what it measures."""
