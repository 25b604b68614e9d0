"""One file per kind of source: text -> what is written there like a setting. Names are not judged here."""
