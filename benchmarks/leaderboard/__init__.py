"""The leaderboard: entries that are held to their data, and a page that says how sure it is."""
