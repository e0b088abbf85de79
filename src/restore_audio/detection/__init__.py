"""One module for each way in which damage shows; each looks at a window ``(C, T)`` and knows no other."""
