"""What commands read and where they write."""
