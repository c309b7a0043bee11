"""Token rows: how texts are laid out side by side, and what packed formats hold."""
