"""What metrics count, from predictions and their gold answers; needs core alone."""
