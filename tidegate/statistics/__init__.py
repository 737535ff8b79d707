"""What two distributions say of each other, and how much of it is luck."""
