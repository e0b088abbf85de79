"""``python -m restore_audio`` does what ``restore-audio`` does."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
