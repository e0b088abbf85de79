"""Pure signal processing: array in, array out."""
