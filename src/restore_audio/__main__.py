"""``python -m restore_audio`` does what ``restore-audio`` does."""

from .cli import main

if __name__ == "__main__":
    main()
