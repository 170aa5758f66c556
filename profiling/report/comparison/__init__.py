"""What `profile.py compare` prints."""
