"""What a client pays for: allowance, overage, outbound calls, site moves, and the monthly statement (mission.md chapter 7)."""
