"""The command line: options, commands, the terminal."""
