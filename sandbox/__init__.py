"""Stand-in WeFact, HostFact and AFAS servers: nothing in here is real, and the application never imports it."""
