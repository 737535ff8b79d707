"""What `tidegate why` and `tidegate impact` gather of a place."""
