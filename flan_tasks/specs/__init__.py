"""What a job is told: frozen dataclasses checked when made, and the gin files that bind them."""
