"""The command line: a module a command, their options, the terminal."""
