"""How a question is put: one file a way, each a function that puts something around an engine. None of them trains."""
