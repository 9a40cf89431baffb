"""The command line: parse, call one library function, print. One file a noun; only this package prints."""
