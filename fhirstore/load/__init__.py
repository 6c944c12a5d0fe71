"""Loading what others exported: JSON, bundles, NDJSON, directories and archives of them. docs/loading.md is for operators."""
