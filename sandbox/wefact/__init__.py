"""Stand-in WeFact and HostFact servers that keep books and refuse what the real ones refuse."""
