"""What must hold at the source before a day can be captured: looked at one by one, each with its remedy."""
