"""People and sites: accounts, roles by site, sessions, presence, badges and API tokens."""
