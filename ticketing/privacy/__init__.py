"""What is held about a person: who looked, what expires, export and erasure (mission.md 3.8, 4.1)."""
