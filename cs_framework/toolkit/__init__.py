"""What component authors may use beside the contract: backbones, ridge maps, pooling, weights."""
