"""``python examples/corpus --part train --to corpus/train``."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    from corpus.build import main

    sys.exit(main())
