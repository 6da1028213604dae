"""Pictures and a frozen network for neural art: a user's folder, and the generated stand-in."""
