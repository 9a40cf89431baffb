"""Files of other people's sets, read into kinject's own nouns: one file a set, each row used or counted by a reason."""
