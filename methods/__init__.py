"""The method interface and one module per method. Imports `mrnet`, never `harness`."""
