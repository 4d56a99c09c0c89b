"""From picture files of any kind to prepared bytes: sources, decoding, resizing, the store on disk."""
