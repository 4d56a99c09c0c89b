"""Pictures of any size and format as bytes of one shape: sources, decoding, transform, and the store on the disk."""
