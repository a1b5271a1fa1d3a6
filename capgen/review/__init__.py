"""What a change to the specs does, in words with units, the risky first: two compiled fleets, compared. Pure."""
