"""Trained networks as ONNX files, for bundles that run without torch's own kernels."""
