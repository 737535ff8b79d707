"""What is known of a drop: its envelope, its figures, its verdict, and the versions it becomes."""
