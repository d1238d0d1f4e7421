"""cnnlite."""
