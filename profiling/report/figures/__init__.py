"""Still pictures, for TensorBoard and for a page without its script."""
