#!/usr/bin/env bash
# Make restored.wav and picture.png anew from damaged.wav, and score them:
#   bash examples/make.sh
# clean.wav is built by examples/compose; damaged.wav and its spans are kept as version 0.1.0 drew them (zeros,
# dropouts, repeats and clicks, three of each, seed 684), since later versions draw other damage from that seed.
set -euo pipefail
cd "$(dirname "$0")"

restore-audio fix damaged.wav -o restored.wav --picture picture.png --overwrite
restore-audio score clean.wav damaged.wav --spans damaged.spans.json
restore-audio score clean.wav restored.wav --spans damaged.spans.json
