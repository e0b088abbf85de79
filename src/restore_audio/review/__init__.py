"""Review: hear each repair in a browser, decide, and save what fix --spans makes of it."""
