"""What commands leave in a folder: by one run at a time, whole or not at all, and a full disk in words."""
