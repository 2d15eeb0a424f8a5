"""What is missing or about to fail, and what to do. It looks and changes nothing."""
