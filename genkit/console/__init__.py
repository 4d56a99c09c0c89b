"""What a command prints: lines, tables and progress."""
